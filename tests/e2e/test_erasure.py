"""Erasing a study through the gateway: what lies on the server's disk before and after, and the certificate."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.radgate_process import RadgateProcess, dimse
from tests.e2e.studies import EAST, GREY_SLICES, GREY_STUDY
from tests.e2e.waiting import wait_for
from tests.integration.orthanc import OrthancServer

MULTIPART = {"accept": 'multipart/related; type="application/dicom"'}


@pytest.fixture
def server(tmp_path: Path, orthanc: OrthancServer) -> Iterator[RadgateProcess]:
    with RadgateProcess(tmp_path).tenant(EAST, dimse(orthanc)) as server:
        yield server


def files(server: RadgateProcess) -> list[Path]:
    return [path for tier in ("warm", "derived") for path in (server.data_dir / tier).rglob("[!.]*") if path.is_file()]


def test_a_study_is_erased_over_rest_and_the_certificate_is_good(server: RadgateProcess, tmp_path: Path) -> None:
    key = server.cli("key", "create", "--tenant", EAST, "--role", "admin").strip()
    with httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {key}"}, timeout=120) as web:
        assert web.get(f"/dicom-web/studies/{GREY_STUDY}", headers=MULTIPART).status_code == 200
        kept = [path for path in files(server) if path.suffix == ".p10x"]
        assert len(kept) == GREY_SLICES
        wait_for(lambda: [path.suffix for path in files(server)].count(".madex") == GREY_SLICES, "thumbnails are made")
        assert not any(b"DICM" in path.read_bytes() for path in files(server))

        order = {"studyInstanceUid": GREY_STUDY, "reason": "asked for"}
        hold = {"subject": "HOLD_SUBJECT_STUDY", "value": GREY_STUDY, "reason": "case 7"}
        placed = web.post("/api/v1/retention/holds", json=hold).json()["hold"]
        refused = web.post("/api/v1/retention/erasures", json=order)
        assert (refused.status_code, "LEGAL_HOLD" in refused.text) == (409, True)
        assert web.get("/api/v1/retention").json()["leastDays"] == 2192
        released = web.post(f"/api/v1/retention/holds/{placed['holdId']}:release", json={"reason": "settled"})
        assert released.json()["hold"]["releaseReason"] == "settled"

        erased = web.post("/api/v1/retention/erasures", json=order)
        assert erased.status_code == 200, erased.text
        assert files(server) == []
        found = web.get(f"/api/v1/retention/erasures/{erased.json()['erasure']['erasureId']}")
        assert found.json() == erased.json()
        assert web.get(f"/dicom-web/studies/{GREY_STUDY}", headers=MULTIPART).status_code == 200

    certificate, public_key = tmp_path / "certificate.json", tmp_path / "key.pem"
    certificate.write_text(erased.json()["erasure"]["certificate"])
    public_key.write_text(server.cli("audit", "public-key"))
    server.cli("certificate", "verify", str(certificate), "--public-key", str(public_key))
    server.cli("audit", "verify")
