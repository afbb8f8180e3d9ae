"""The audit trail read over REST and by the SDK, through Envoy; a report that is delivered; the command line."""

import io
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pypdf import PdfReader

import radgate as sdk
from radgate_server.core.access.tenancy import Role
from radgate_server.core.pacs.connections import FolderConnection
from tests.e2e.audit_trail import granted
from tests.e2e.radgate_process import RADGATE, RadgateProcess
from tests.e2e.studies import WEST, WEST_FILE, path_of
from tests.e2e.waiting import wait_for

SEARCH, REPORT, SCHEDULES = "/api/v1/audit/records", "/api/v1/audit:report", "/api/v1/audit/schedules"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("archive")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, archive: Path) -> Iterator[RadgateProcess]:
    images = tmp_path_factory.mktemp("west")
    (images / "dose.dcm").symlink_to(path_of(WEST_FILE))
    receiver = {"kind": "folder", "name": "archive", "folder": str(archive), "tenants": [WEST]}
    settings = {"RADGATE_REPORTS__RECEIVERS": json.dumps([receiver]), "RADGATE_REPORTS__INTERVAL_S": "0.2"}
    process = RadgateProcess(tmp_path_factory.mktemp("reports"), settings)
    with process.tenant(WEST, FolderConnection(str(images)), Role.ADMIN) as server:
        yield server


@pytest.fixture
def web(server: RadgateProcess) -> Iterator[httpx.Client]:
    with server.client(WEST) as client:
        yield client


@pytest.fixture
def study(server: RadgateProcess, web: httpx.Client) -> tuple[str, str]:
    """A study that was opened by break-glass, of which other processes know: its UID and its patient."""
    (found,) = web.get("/dicom-web/studies").json()
    uid, patient = (found[tag]["Value"][0] for tag in ("0020000D", "00100020"))
    reason = {"x-break-glass": "nobody else is here"}
    opened = web.get(f"/dicom-web/studies/{uid}/metadata", headers=reason)
    assert opened.status_code == 200
    assert granted(server, opened).study_instance_uid == uid
    return uid, patient


def command(server: RadgateProcess, *words: str) -> bytes:
    done = subprocess.run([*RADGATE, *words], env=server.environment, capture_output=True, check=False, timeout=180)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_rest_finds_what_was_done_just_now_and_why(web: httpx.Client, study: tuple[str, str]) -> None:
    uid, patient = study
    found = web.get(SEARCH, params={"studyInstanceUid": uid, "breakGlass": "true", "pageSize": "1"})
    assert found.status_code == 200, found.text
    page = found.json()
    (record,) = page["records"]
    assert (record["action"], record["patientId"]) == ("AUDIT_ACTION_RETRIEVE_METADATA", patient)
    assert record["breakGlass"] == "nobody else is here"
    assert page["position"]["completeUpTo"] == page["position"]["newest"]
    assert web.get(SEARCH, params={"outcome": "lost"}).status_code == 400


@pytest.mark.parametrize(
    ("form", "content_type"),
    [("JSON", "application/json"), ("CSV", "text/csv; charset=utf-8"), ("PDF", "application/pdf")],
)
def test_rest_gives_reports(web: httpx.Client, study: tuple[str, str], form: str, content_type: str) -> None:
    spec = {"kind": "AUDIT_REPORT_KIND_PATIENT_ACCESS", "subject": study[1], "format": f"AUDIT_REPORT_FORMAT_{form}"}
    answer = web.post(REPORT, json={"spec": spec})
    assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)
    match form:
        case "JSON":
            reported = answer.json()
            assert reported["report"]["completeUpTo"] == reported["report"]["newest"]
            assert study[0] in {row["study_instance_uid"] for row in reported["rows"]}
        case "CSV":
            assert answer.text.startswith("sequence,time,user,")
        case _:
            text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)
            assert "Who saw this patient" in text
            assert study[1] in text


def test_a_report_that_can_not_be_made_is_refused(web: httpx.Client) -> None:
    answer = web.post(REPORT, json={"spec": {"kind": "AUDIT_REPORT_KIND_UNUSUAL_ACCESS"}})
    assert (answer.status_code, answer.json()["details"][0]["reason"]) == (400, "INVALID_ARGUMENT")


def test_rest_verifies_the_chain(web: httpx.Client) -> None:
    answer = web.post("/api/v1/audit:verify", json={})
    assert answer.status_code == 200, answer.text
    verdict = answer.json()[-1]["verdict"]
    assert int(verdict["records"]) > 0
    assert verdict.get("fault") is None
    assert web.get("/api/v1/audit/checkpoints").status_code == 200


def test_nobody_reads_the_trail_without_a_key(server: RadgateProcess) -> None:
    for method, path in (("GET", SEARCH), ("POST", REPORT), ("GET", SCHEDULES), ("POST", "/api/v1/audit:verify")):
        assert httpx.request(method, server.url + path, headers={"x-tenant-id": WEST}, timeout=60).status_code == 401


@pytest.mark.parametrize("endpoint", ["http", "grpc"])
def test_the_sdk_reads_the_trail(server: RadgateProcess, study: tuple[str, str], endpoint: str) -> None:
    with sdk.Client(server.endpoints[endpoint], server.keys[WEST]) as client:
        records = list(client.audit.search(study_instance_uid=study[0], actions=["retrieve-metadata"]))
        assert {record.patient_id for record in records} == {study[1]}
        document = json.loads(b"".join(client.audit.report("study-access", study[0])))
        assert len(document["rows"]) >= len(records)
        *_, verdict = client.audit.verify()
        assert not verdict.HasField("fault")


async def test_the_sdk_reads_the_trail_with_asyncio(server: RadgateProcess, study: tuple[str, str]) -> None:
    async with sdk.aio.Client(server.endpoints["http"], server.keys[WEST]) as client:
        records = [record async for record in client.audit.search(patient_id=study[1])]
        assert study[0] in {record.study_instance_uid for record in records}
        pieces = [piece async for piece in client.audit.report("patient-access", study[1], format="csv")]
        assert b"".join(pieces).startswith(b"sequence,time,user,")


def test_a_schedule_is_run_and_delivered(
    server: RadgateProcess, web: httpx.Client, study: tuple[str, str], archive: Path
) -> None:
    schedule = {
        "name": "daily",
        "spec": {"kind": "AUDIT_REPORT_KIND_UNUSUAL_ACCESS", "format": "AUDIT_REPORT_FORMAT_PDF"},
        "frequency": "REPORT_FREQUENCY_DAILY",
        "timeOfDay": "06:30",
        "receivers": ["archive"],
    }
    created = web.post(SCHEDULES, json={"schedule": schedule})
    assert created.status_code == 201, created.text
    assert web.post(SCHEDULES, json={"schedule": schedule}).status_code == 409
    command(server, "audit", "schedule", "run", "daily", "--tenant", WEST)
    (file,) = wait_for(lambda: list(archive.glob("*.pdf")), "the report is there", 60.0)
    assert file.name.startswith(f"{WEST}-daily-")
    assert "Unusual access" in PdfReader(file).pages[0].extract_text()

    def ran() -> bool:
        return bool(web.get(SCHEDULES).json()["schedules"][0].get("lastRunTime"))

    wait_for(ran, "the schedule reports its run", 60.0)
    assert b"daily" in command(server, "audit", "schedule", "list", "--tenant", WEST)
    assert web.delete(f"{SCHEDULES}/daily").status_code == 200
    assert web.get(SCHEDULES).json()["schedules"] == []


def test_the_command_line_searches_and_reports(server: RadgateProcess, study: tuple[str, str], tmp_path: Path) -> None:
    found = json.loads(command(server, "audit", "search", "--tenant", WEST, "--study", study[0], "--json"))
    assert {row["patient_id"] for row in found if row["action"] == "retrieve-metadata"} == {study[1]}
    out = tmp_path / "report.csv"
    words = ("audit", "report", "patient-access", "--tenant", WEST, "--subject", study[1], "--format", "csv")
    command(server, *words, "--output", str(out))
    assert study[0] in out.read_text(encoding="utf-8")
