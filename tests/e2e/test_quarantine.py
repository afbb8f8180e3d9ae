"""A lying PACS, a running server and its gateway: an administrator downloads what was refused, and it is erased."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from radgate_server.core.access.tenancy import Role
from radgate_server.core.pacs.connections import DicomWebConnection
from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.waiting import wait_for
from tests.integration.lying_pacs import HONEST, LIES, LyingPacs

INSTANCE = f"/dicom-web/studies/{HONEST}/series/{HONEST}.1/instances/{HONEST}.1.2"


@pytest.fixture
def hospital(tmp_path: Path) -> Iterator[tuple[RadgateProcess, LyingPacs]]:
    with LyingPacs("swapped") as pacs:
        radgate = RadgateProcess(tmp_path)
        connection = DicomWebConnection(f"http://127.0.0.1:{pacs.web_port}")
        with radgate.tenant("east", connection, Role.ADMIN).tenant("west", connection, Role.ADMIN):
            yield radgate, pacs


def test_what_was_refused_is_downloaded_and_erased(hospital: tuple[RadgateProcess, LyingPacs], tmp_path: Path) -> None:
    radgate, pacs = hospital
    with radgate.client("east") as east, radgate.client("west") as west:
        refused = east.get(INSTANCE)
        assert (refused.status_code, refused.json()["details"][0]["reason"]) == (502, "INSTANCE_MISMATCH")
        (entry,) = wait_for(lambda: east.get("/api/v1/quarantine").json().get("instances"), "the refused instance")
        assert entry["asked"]["sopInstanceUid"] == f"{HONEST}.1.2"
        assert entry["reason"] == "ERROR_REASON_INSTANCE_MISMATCH"
        path = f"/api/v1/quarantine/{entry['entryId']}"
        answer = east.get(f"{path}/file")
        asked, other = (one for one in pacs.held if one.InstanceNumber == 2)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/octet-stream")
        assert answer.content.endswith(LIES["swapped"](asked, other))
        assert west.get(f"{path}/file").status_code == 404
        assert west.get("/api/v1/quarantine").json().get("instances", []) == []
        exported = tmp_path / "exported"
        radgate.cli("quarantine", "export", "--tenant", "east", entry["entryId"], "--output", str(exported))
        assert exported.read_bytes() == answer.content
        certificate = radgate.cli("erase", "--tenant", "east", "--patient", "WRONG", "--reason", "asked for")
        assert entry["stated"]["studyInstanceUid"] in certificate
        assert east.get(f"{path}/file").status_code == 404
