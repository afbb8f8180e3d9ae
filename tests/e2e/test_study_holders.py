"""Two servers on one PostgreSQL fetch a cold study once between them, also when one of them is lost meanwhile."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from email import message_from_bytes
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from sqlalchemy import create_engine, select

from radgate_server.adapters.database.schema.tables import audit_entries
from radgate_server.core.pacs.connections import DimseConnection
from tests.e2e.counting_pacs import SLICES, STUDY, CountingPacs
from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.studies import EAST
from tests.e2e.waiting import wait_for
from tests.integration.postgres import running_postgres

READERS = 10


@pytest.fixture
def pacs() -> Iterator[CountingPacs]:
    with CountingPacs() as pacs:
        yield pacs


@pytest.fixture
def servers(tmp_path: Path, pacs: CountingPacs) -> Iterator[list[RadgateProcess]]:
    """Both, with the same keys, and caches of their own."""
    with running_postgres() as postgres, postgres.database(tmp_path.name) as url, ExitStack() as running:
        common = {"RADGATE_DATABASE_URL": url}
        archive = DimseConnection("127.0.0.1", pacs.dicom_port, "FAULTY", "RADGATE")
        first = RadgateProcess(tmp_path / "first", common).tenant(EAST, archive)
        second = first.beside(tmp_path / "second", common)
        for server in (first, second):
            running.enter_context(server)
        wait_for(lambda: all(map(knows_the_other, (first, second))), "they know of each other")
        yield [first, second]


def knows_the_other(server: RadgateProcess) -> bool:
    return "2 servers share the database" in server.log()


def read(server: RadgateProcess) -> dict[str, bytes]:
    """Pixel data by SOP Instance UID, as a client gets it."""
    return {str(one.SOPInstanceUID): one.PixelData for one in files_from(server)}


def files_from(server: RadgateProcess) -> list[Dataset]:
    """The study as a client gets it."""
    with server.client(EAST) as client:
        answer = client.get(
            f"/dicom-web/studies/{STUDY}", headers={"accept": 'multipart/related; type="application/dicom"'}
        )
    answer.raise_for_status()
    head = f"content-type: {answer.headers['content-type']}\r\n\r\n".encode()
    parts = message_from_bytes(head + answer.content).get_payload()
    files = [dcmread(BytesIO(part.get_payload(decode=True))) for part in parts]
    assert len(files) == SLICES
    return files


def test_ten_readers_at_two_servers_cause_one_get_of_each_instance(
    servers: list[RadgateProcess], pacs: CountingPacs
) -> None:
    held = {str(one.SOPInstanceUID): one.PixelData for one in pacs.held}
    with ThreadPoolExecutor(READERS) as threads:
        answers = list(threads.map(read, servers * (READERS // 2)))
    assert [answer == held for answer in answers] == [True] * READERS
    assert set(pacs.gets.values()) == {1}
    assert sum(pacs.gets.values()) == SLICES
    assert sum(server.metric("radgate_peer_instances_total") for server in servers) == SLICES
    wait_for(lambda: len(retrieves(servers[0])) >= READERS, "all reads are in the audit trail")
    assert len(retrieves(servers[0])) == len(set(retrieves(servers[0]))) == READERS


def retrieves(server: RadgateProcess) -> list[str]:
    """The requests by which the study was read, as the audit trail has them."""
    is_it = (audit_entries.c.study_instance_uid == STUDY, audit_entries.c.outcome == "granted")
    engine = create_engine(server.database_url)
    try:
        with engine.connect() as connection:
            return [row.request_id for row in connection.execute(select(audit_entries.c.request_id).where(*is_it))]
    finally:
        engine.dispose()


def test_a_holder_that_hangs_costs_seconds(servers: list[RadgateProcess], pacs: CountingPacs) -> None:
    holder, other = servers
    held = {str(one.SOPInstanceUID): one.PixelData for one in pacs.held}
    pacs.pause_s = 0.1
    with ThreadPoolExecutor(2) as threads:
        threads.submit(read, holder)
        wait_for(lambda: pacs.gets, "the first server fetches it")
        reader = threads.submit(read, other)
        wait_for(lambda: other.metric("radgate_peer_instances_total") >= 3, "the other has some of it")
        os.kill(holder.pid, signal.SIGSTOP)
        stopped_s = time.monotonic()
        try:
            assert reader.result() == held
            took_s = time.monotonic() - stopped_s
        finally:
            os.kill(holder.pid, signal.SIGCONT)
    assert took_s < 60  # it was 120 s and more
    assert other.metric("radgate_study_takeovers_total") == 1


def test_a_holder_passes_on_nothing_that_was_corrected_since(servers: list[RadgateProcess], pacs: CountingPacs) -> None:
    """It has confirmed the study a moment ago, and would serve it to its own clients for a while."""
    holder, other = servers
    files_from(holder)
    for dataset in pacs.held:
        dataset.AccessionNumber = "CORRECTED"
    assert {one.AccessionNumber for one in files_from(other)} == {"CORRECTED"}
    assert {one.AccessionNumber for one in files_from(holder)} == {"CORRECTED"}
    assert set(pacs.gets.values()) == {2}


def test_a_study_goes_on_when_its_holder_is_killed(servers: list[RadgateProcess], pacs: CountingPacs) -> None:
    held = {str(one.SOPInstanceUID): one.PixelData for one in pacs.held}
    pacs.pause_s = 0.2
    holder, other = servers
    with ThreadPoolExecutor(READERS + 1) as threads:
        lost: Future[object] = threads.submit(read, holder)
        wait_for(lambda: pacs.gets, "the first server fetches it")
        readers = [threads.submit(read, other) for _ in range(READERS)]
        wait_for(lambda: other.metric("radgate_peer_instances_total") >= 5, "the other has some of it")
        holder.kill()
        assert lost.exception() is not None
        answers = [reader.result() for reader in readers]
    assert [answer == held for answer in answers] == [True] * READERS
    came = other.metric("radgate_peer_instances_total")
    assert other.metric("radgate_study_takeovers_total") == 1
    again = sum(count - 1 for count in pacs.gets.values())
    assert max(pacs.gets.values()) <= 2
    assert again <= SLICES - came
    assert again <= 3  # what the PACS had sent to the first server, and that had not sent on
