"""Tenants can't see each other, and nothing of a patient leaves but in answers."""

import re
from collections.abc import Iterator

import httpx
import pydicom

from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.studies import EAST, GREY_STUDY, WEST, WEST_FILE, Original, path_of, real

NAMING = ("PatientName", "PatientID", "AccessionNumber", "ReferringPhysicianName", "StudyDescription")
UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")


def paths_of(original: Original) -> Iterator[str]:
    """Every resource of an instance."""
    ref = original.ref
    study = f"/dicom-web/studies/{ref.study_instance_uid}"
    series = f"{study}/series/{ref.series_instance_uid}"
    instance = f"{series}/instances/{ref.sop_instance_uid}"
    for path in (study, series, instance):
        yield from (path, f"{path}/metadata")
    yield from (f"{instance}/frames/1", f"{instance}/bulkdata/7FE00010")


def test_a_key_opens_its_own_tenant_alone(radgate: RadgateProcess, east: httpx.Client) -> None:
    refused = east.get("/dicom-web/studies", headers={"x-tenant-id": WEST})
    assert refused.status_code == 403
    unknown = east.get("/dicom-web/studies", headers={"x-tenant-id": "nobody"})
    assert (unknown.status_code, unknown.json()["message"]) == (403, refused.json()["message"])
    assert east.get("/dicom-web/studies", headers={"x-tenant-id": EAST}).status_code == 200
    assert httpx.get(f"{radgate.url}/dicom-web/studies", timeout=60).status_code == 401


def test_a_neighbours_images_do_not_exist(radgate: RadgateProcess, east: httpx.Client) -> None:
    foreign = Original(pydicom.dcmread(path_of(WEST_FILE)))
    with radgate.client(WEST) as west:
        assert [west.get(path).status_code for path in paths_of(foreign)] == [200] * 8
    assert [east.get(path).status_code for path in paths_of(foreign)] == [404] * 8
    study = foreign.ref.study_instance_uid
    assert east.get("/dicom-web/studies", params={"StudyInstanceUID": study}).json() == []
    assert study not in east.get("/dicom-web/instances").text


def test_neither_logs_nor_metrics_nor_file_names_report_patients(
    radgate: RadgateProcess, east: httpx.Client, originals: list[Original]
) -> None:
    head = real("CT_small.dcm")
    for path in paths_of(head):
        assert east.get(path).status_code == 200
    assert east.get("/dicom-web/studies?PatientName=Quadrant*&PatientID=E2E-2").json()
    for wrong in ("StudyDate=Quadrant", "limit=Quadrant", "PatientBirthDate=E2E-2"):
        assert east.get(f"/dicom-web/studies?{wrong}").status_code == 400
    assert east.get("/dicom-web/studies?Quadrant=1").status_code == 200
    assert east.get(f"/dicom-web/studies/{GREY_STUDY}.404").status_code == 404
    assert east.get("/dicom-web/studies/Quadrant").status_code == 400
    assert east.get("/Quadrant/Quentin").status_code == 404

    metrics = httpx.get(radgate.metrics_url, timeout=60).text
    assert "radgate_rpc_total" in metrics
    assert "radgate serves" in radgate.log()
    files = [str(path.relative_to(radgate.data_dir)) for path in radgate.data_dir.rglob("*")]
    assert any(name.startswith("warm/") for name in files)
    for where, text in {"log": radgate.log(), "metrics": metrics, "file names": "\n".join(files)}.items():
        assert [word for word in secrets_of(radgate, originals) if stands_in(word, text)] == [], where


def stands_in(word: str, text: str) -> bool:
    """Whether it stands there as a word: a liver is none in what was delivered."""
    return re.search(rf"(?<![A-Za-z]){re.escape(word)}(?![A-Za-z])", text) is not None


def secrets_of(radgate: RadgateProcess, originals: list[Original]) -> set[str]:
    """What identifies the patients and their studies, and what opens them."""
    words = {str(original.dataset.get(keyword) or "") for original in originals for keyword in NAMING}
    parts = {part for word in words for part in word.split("^")}
    uids = {str(original.dataset[keyword].value) for original in originals for keyword in UIDS}
    queries = {"PatientName=", "PatientID=", "studies?", "Quadrant"}
    leaks = {word for word in words | parts if len(word) > 4}
    assert {"Quentin", "E2E-2", "CompressedSamples"} <= leaks
    return leaks | uids | queries | set(radgate.keys.values())


def test_the_data_folder_is_the_servers_alone(radgate: RadgateProcess) -> None:
    assert radgate.data_dir.stat().st_mode & 0o077 == 0
