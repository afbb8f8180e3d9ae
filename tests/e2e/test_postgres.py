"""`radgate serve` on a real PostgreSQL: state in the database, where every access is recorded before it is answered."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest

from tests.e2e.radgate_process import RadgateProcess, dimse
from tests.e2e.studies import EAST, GREY_SLICES, GREY_STUDY
from tests.e2e.waiting import wait_for
from tests.integration.orthanc import OrthancServer
from tests.integration.postgres import Postgres, running_postgres

STUDY_PATH = f"/dicom-web/studies/{GREY_STUDY}"
GRANTED = "FROM audit_entries WHERE outcome = 'granted' AND action <> 'list' ORDER BY number"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def url(postgres: Postgres) -> str:
    return postgres.new_database("radgate")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, url: str, orthanc: OrthancServer) -> Iterator[RadgateProcess]:
    settings = {
        "RADGATE_DATABASE_URL": url,
        "RADGATE_CACHE__QUERY_TTL_S": "0",
        "RADGATE_AUDIT__ANSWERS_WAIT_FOR": "database",
    }
    with RadgateProcess(tmp_path_factory.mktemp("on-postgres"), settings).tenant(EAST, dimse(orthanc)) as server:
        assert not (server.data_dir / "radgate.db").exists()
        yield server


@pytest.fixture
def web(server: RadgateProcess) -> Iterator[httpx.Client]:
    with server.client(EAST) as client:
        yield client


@pytest.fixture
def database(url: str) -> Iterator["psycopg.Connection[tuple[str, ...]]"]:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


def test_accesses_are_recorded_when_they_are_answered(
    web: httpx.Client, database: "psycopg.Connection[tuple[str, ...]]", server: RadgateProcess
) -> None:
    rows = f"SELECT action, study_instance_uid, tenant_id, key_id, role, address {GRANTED}"
    before = len(database.execute(rows).fetchall())
    key_id = server.keys[EAST].split("_")[1]
    who = (EAST, key_id, "viewer", "127.0.0.1")
    for path, action, study in (
        ("/dicom-web/studies?PatientID=E2E-2", "query", ""),
        (STUDY_PATH, "retrieve", GREY_STUDY),
        (f"{STUDY_PATH}/metadata", "retrieve-metadata", GREY_STUDY),
    ):
        assert web.get(path).status_code == 200
        before += 1
        entries = database.execute(rows).fetchall()
        assert (len(entries), entries[-1]) == (before, (action, study, *who))


@pytest.mark.parametrize("path", ["/dicom-web/studies?PatientID=E2E-2", STUDY_PATH, f"{STUDY_PATH}/metadata"])
def test_nothing_is_answered_before_it_is_recorded(
    web: httpx.Client, database: "psycopg.Connection[tuple[str, ...]]", path: str
) -> None:
    def waits_for_the_lock() -> bool:
        found = database.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
        return found is not None and int(found[0]) > 0

    assert web.get(path).status_code == 200  # whatever is kept in memory is so now
    with ThreadPoolExecutor(1) as thread:
        with database.transaction():
            database.execute("LOCK TABLE audit_entries IN ACCESS EXCLUSIVE MODE")
            answer = thread.submit(web.get, path)
            wait_for(waits_for_the_lock, "the server waits to write")
            assert not answer.done()
        assert answer.result(60).status_code == 200


def test_access_continues_while_the_database_is_away_and_is_recorded_when_it_is_back(
    postgres: Postgres, web: httpx.Client, url: str, server: RadgateProcess
) -> None:
    assert len(web.get(f"{STUDY_PATH}/metadata").json()) == GREY_SLICES
    before = actions(url)
    logged = len(server.log())
    postgres.stop()
    for path in ("/dicom-web/studies", STUDY_PATH, f"{STUDY_PATH}/metadata"):
        assert web.get(path).status_code == 200
    time.sleep(5)  # what looks at the database each second, or twice, has done so some times
    lines = [line["message"] for line in log_lines(server.log()[logged:]) if line["level"] != "INFO"]
    assert len(lines) == len(set(lines)), f"said more than once: {lines}"
    assert any(line.startswith("the database can't be read: ") and "connection" in line for line in lines), lines
    postgres.start()
    postgres.wait_until_ready()
    wait_for(lambda: len(actions(url)) >= len(before) + 3, "the records follow", 60)
    assert actions(url)[len(before) :] == ["query", "retrieve", "retrieve-metadata"]
    assert web.get(f"{STUDY_PATH}/metadata").status_code == 200


def log_lines(text: str) -> list[dict[str, str]]:
    """Of Radgate's log, without Envoy's."""
    return [json.loads(line) for line in text.splitlines() if line.startswith('{"time"') and '"logger"' in line]


def actions(url: str) -> list[str]:
    """What was granted, by a connection that does not outlive the question."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        return [row[0] for row in connection.execute(f"SELECT action {GRANTED}").fetchall()]
