"""Two servers on one PostgreSQL fetch a cold study once between them, also when one of them is lost meanwhile."""

import ssl
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from sqlalchemy import Row, Select, create_engine, select

from radgate.v1 import retrieve_service_pb2 as messages
from radgate.v1.retrieve_service_pb2_grpc import RetrieveServiceStub
from radgate_server.adapters.database.schema.servers import members
from radgate_server.adapters.database.schema.tables import audit_entries
from tests.e2e.counting_pacs import SLICES, STUDY, CountingPacs, slices
from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.studies import EAST
from tests.e2e.two_servers import files_from, read, two_servers
from tests.e2e.waiting import wait_for
from tests.fakes.authority import Authority

ANOTHER, VIEWED = f"{STUDY}.2", f"{STUDY}.3"
READERS = 10
AUTHORITY = Authority("servers")


@pytest.fixture
def pacs() -> Iterator[CountingPacs]:
    with CountingPacs() as pacs:
        yield pacs


@pytest.fixture
def servers(tmp_path: Path, pacs: CountingPacs) -> Iterator[list[RadgateProcess]]:
    """They speak TLS to each other."""
    authority, name = tmp_path / "authority.pem", "RADGATE_GRPC_TLS_"
    authority.write_bytes(AUTHORITY.certificate)
    certificate, key = AUTHORITY.sign("IP:127.0.0.1").write(tmp_path, "server")
    files = {"CERTIFICATE_FILE": str(certificate), "KEY_FILE": str(key), "CLIENT_CA_FILE": str(authority)}
    with two_servers(tmp_path, pacs, {name + file: path for file, path in files.items()}) as servers:
        yield servers


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
    assert [*map(presents_a_certificate, peer_addresses(servers[0]))] == [True, True]


def has_thumbnail(server: RadgateProcess, sop_instance_uid: str) -> bool:
    """Whether the server finds the instance by its UID alone."""
    with server.client(EAST) as client:
        return client.get(f"/thumbnails/{sop_instance_uid}").status_code == 200


def prioritize_elsewhere(holder: RadgateProcess, other: RadgateProcess, series: str) -> None:
    """Open a view at one server, and say at the other what comes next."""
    metadata = (("authorization", f"Bearer {holder.keys[EAST]}"),)
    opening = messages.ViewFramesRequest(open=messages.StreamFramesOpen(study_instance_uid=VIEWED))
    channels = [grpc.insecure_channel(server.endpoints["http"]) for server in (holder, other)]
    with channels[0] as at_holder, channels[1] as at_other:
        view = RetrieveServiceStub(at_holder).ViewFrames(opening, metadata=metadata)
        request = messages.PrioritizeFramesRequest(
            view_id=next(view).view_id, prioritize=messages.StreamFramesPriority(series_instance_uid=series)
        )
        RetrieveServiceStub(at_other).PrioritizeFrames(request, metadata=metadata)
        request.view_id += "x"
        with pytest.raises(grpc.RpcError) as ended:
            RetrieveServiceStub(at_other).PrioritizeFrames(request, metadata=metadata)
        assert "the view has ended, or never was" in str(ended.value)
        view.cancel()


def peer_addresses(server: RadgateProcess) -> list[str]:
    return [row.address for row in rows(server, select(members.c.address))]


def presents_a_certificate(address: str) -> bool:
    host, _, port = address.rpartition(":")
    return "BEGIN CERTIFICATE" in ssl.get_server_certificate((host, int(port)))


def retrieves(server: RadgateProcess) -> list[str]:
    """The requests by which the study was read, as the audit trail has them."""
    is_it = (audit_entries.c.study_instance_uid == STUDY, audit_entries.c.outcome == "granted")
    return [row.request_id for row in rows(server, select(audit_entries.c.request_id).where(*is_it))]


def rows(server: RadgateProcess, query: Select[Any]) -> Sequence[Row[Any]]:
    engine = create_engine(server.database_url)
    try:
        with engine.connect() as connection:
            return connection.execute(query).all()
    finally:
        engine.dispose()


def test_a_holder_passes_on_nothing_that_was_corrected_since(servers: list[RadgateProcess], pacs: CountingPacs) -> None:
    """It has confirmed the study a moment ago, and would serve it to its own clients for a while."""
    holder, other = servers
    files_from(holder)
    for dataset in pacs.held:
        dataset.AccessionNumber = "CORRECTED"
    assert {one.AccessionNumber for one in files_from(other)} == {"CORRECTED"}
    assert {one.AccessionNumber for one in files_from(holder)} == {"CORRECTED"}
    assert set(pacs.gets.values()) == {2}

    pacs.held = slices(ANOTHER)
    assert not has_thumbnail(other, str(pacs.held[0].SOPInstanceUID))
    files_from(holder, ANOTHER)
    assert has_thumbnail(other, str(pacs.held[0].SOPInstanceUID))

    pacs.held, pacs.pause_s = slices(VIEWED), 0.1  # so that the view is open for a while
    prioritize_elsewhere(holder, other, f"{VIEWED}.1")


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
