"""What was answered is recorded, whatever becomes of the server and its database."""

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine, text

from radgate_server.core.pacs.connections import FolderConnection
from tests.e2e.audit_trail import granted
from tests.e2e.processes import kill_tree
from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.studies import WEST, WEST_FILE, path_of
from tests.e2e.waiting import wait_for

STUDIES = "/dicom-web/studies"
CLIENTS = 8


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RadgateProcess]:
    """Not started yet, in front of a folder."""
    images = tmp_path / "images"
    images.mkdir()
    (images / "dose.dcm").symlink_to(path_of(WEST_FILE))
    server = RadgateProcess(tmp_path).tenant(WEST, FolderConnection(str(images)))
    yield server
    server.kill()


@contextmanager
def locked(server: RadgateProcess) -> Iterator[None]:
    """Nobody can write to the database meanwhile."""
    with closing(sqlite3.connect(server.data_dir / "radgate.db", isolation_level=None, timeout=30)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield


def ask(server: RadgateProcess) -> httpx.Response:
    with server.client(WEST) as client:
        return client.get(STUDIES)


def trail_of(server: RadgateProcess) -> list[str]:
    """The searches that were granted, in the order of the chain."""
    engine = create_engine(server.database_url)
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT request_id FROM audit_entries WHERE outcome = 'granted' AND action = 'query' ORDER BY number")
        )
        found = [row.request_id for row in rows]
    engine.dispose()
    return found


@pytest.mark.parametrize(
    ("end", "next_waits_for"),
    [
        (RadgateProcess.kill, "spool"),
        (RadgateProcess.kill, "database"),
        pytest.param(RadgateProcess.stop, "spool", marks=pytest.mark.slow),  # it waits for the database's lock
    ],
)
def test_what_was_answered_is_recorded_though_the_server_ended_before_the_commit(
    server: RadgateProcess, end: Callable[[RadgateProcess], None], next_waits_for: str
) -> None:
    server.start()
    with locked(server):
        answers = [ask(server) for _ in range(5)]
        assert {answer.status_code for answer in answers} == {200}
        end(server)
    asked = [answer.headers["x-request-id"] for answer in answers]
    assert not set(asked) & set(trail_of(server))
    server.settings = {"RADGATE_AUDIT__ANSWERS_WAIT_FOR": next_waits_for}
    server.start()
    assert granted(server, answers[-1]).action == "query"
    assert [found for found in trail_of(server) if found in asked] == asked
    server.cli("audit", "verify")


class Client:
    """Asks one question after the other until the server is killed; the identifiers of those that were answered."""

    def __init__(self) -> None:
        self.answered: list[str] = []

    def ask(self, server: RadgateProcess) -> None:
        """Until the connection fails."""
        with server.client(WEST) as client, suppress(httpx.TransportError):
            while (answer := client.get(STUDIES)).status_code == 200:
                self.answered.append(answer.headers["x-request-id"])


@pytest.mark.parametrize("answers_wait_for", ["spool", "database"])
def test_a_container_that_is_killed_under_load_loses_no_record(server: RadgateProcess, answers_wait_for: str) -> None:
    server.settings = {"RADGATE_AUDIT__ANSWERS_WAIT_FOR": answers_wait_for}
    server.start()
    clients = [Client() for _ in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        done = [pool.submit(client.ask, server) for client in clients]
        wait_for(lambda: all(len(client.answered) > 20 for client in clients), "all clients get answers")
        kill_tree(server.pid)
    assert [one.result() for one in done] == [None] * CLIENTS
    server.kill()
    server.start()
    assert granted(server, ask(server)).action == "query"  # and with it all before
    trail = trail_of(server)
    assert len(set(trail)) == len(trail)
    for client in clients:
        asked = set(client.answered)
        assert [found for found in trail if found in asked] == client.answered
    server.cli("audit", "verify")


def test_nothing_is_served_that_can_not_be_recorded(server: RadgateProcess) -> None:
    server.settings = {"RADGATE_AUDIT__SPOOL_BYTES": "3000"}
    server.start()
    with locked(server):
        answers = [ask(server) for _ in range(20)]
    served = [answer for answer in answers if answer.status_code == 200]
    refused = answers[len(served) :]
    assert 0 < len(served) < 20
    assert {answer.status_code for answer in refused} == {503}
    assert {answer.json()["details"][0]["reason"] for answer in refused} == {"AUDIT_UNAVAILABLE"}
    wait_for(lambda: ask(server).status_code == 200, "it serves again")
    assert granted(server, served[-1]).action == "query"  # and with it all before
    trail = trail_of(server)
    assert [answer.headers["x-request-id"] in trail for answer in answers] == [True] * len(served) + [False] * len(
        refused
    )
