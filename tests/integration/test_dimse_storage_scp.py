"""Which instances the storage SCP takes, and for which move."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, build_context
from pynetdicom.events import Event

from radgate_server.adapters.pacs.dimse import StorageScp, build_dimse_pacs
from radgate_server.adapters.pacs.dimse.storage_scp import listener as scp_server
from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import ListedInstance
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.pacs.connections import DimseConnection, RetrieveMethod
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.settings.pacs import DimseSettings
from tests.conformance.pacs_suite import config_of, fetch
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.faulty_scp import FaultyScp, ct_instance

CT = "1.2.840.10008.5.1.4.1.1.2"
LONG_S = 30
"""What no test waits for, unless something is wrong."""
SETTINGS = DimseSettings(connect_timeout_s=LONG_S, idle_timeout_s=LONG_S)
STUDY = RetrieveScope("1.2.3")
NOT_AUTHORISED = 0x0124

# pynetdicom's own server, our counterpart here, leaves sockets to the garbage collector when the peer was faster.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


def send(port: int, *instances: Dataset, aet: str = "FAULTY", **originator: Any) -> list[int | None]:
    """C-STORE the instances to the SCP; the statuses, None where there was no association."""
    ae = AE(aet)
    ae.add_requested_context(CT, ExplicitVRLittleEndian)
    association = ae.associate("127.0.0.1", port, ae_title="RADGATE")
    if not association.is_established:
        return [None] * len(instances)
    statuses = [association.send_c_store(instance, **originator).get("Status") for instance in instances]
    association.release()
    return statuses


def listed(count: int) -> list[ListedInstance]:
    return [ListedInstance(InstanceRef("1.2.3", "1.2.3.4", f"1.2.3.4.{number}"), CT) for number in range(count)]


LISTED = listed(2)


def sending(count: int, sent: list[int] | None = None) -> Callable[[Event, int], Iterator[Any]]:
    """A PACS that moves so many instances, until it is asked to stop."""

    def move(event: Event, port: int) -> Iterator[Any]:
        yield "127.0.0.1", port, {"contexts": [build_context(CT, ExplicitVRLittleEndian)]}
        yield count
        for number in range(count):
            if event.is_cancelled or not event.assoc.is_established:
                yield 0xFE00, None
                return
            if sent is not None:
                sent.append(number)
            yield 0xFF00, ct_instance(number)

    return move


@asynccontextmanager
async def moving(on_move: Callable[[Event, int], Iterator[Any]]) -> AsyncIterator[tuple[PacsClient, StorageScp]]:
    """A client whose PACS answers C-MOVE with `on_move`, called with the event and the storage SCP's port."""
    scp = StorageScp("RADGATE", host="127.0.0.1", port=0, settings=SETTINGS)
    await scp.start()
    with FaultyScp(on_move=lambda event: on_move(event, scp.port)) as pacs:
        connection = DimseConnection("127.0.0.1", pacs.port, "FAULTY", "RADGATE", RetrieveMethod.MOVE)
        telemetry = RecordingTelemetry()
        client = build_dimse_pacs(config_of(connection), settings=SETTINGS, storage_scp=scp, telemetry=telemetry)
        try:
            yield client, scp
        finally:
            await client.close()
            await scp.close()


async def test_a_move_that_names_its_originator() -> None:
    async with moving(sending(2)) as (client, _):
        arrivals = await fetch(client, STUDY, LISTED)
    assert [arrival.ref for arrival in arrivals] == [item.ref for item in LISTED]


async def test_a_move_that_does_not_name_its_originator() -> None:
    statuses: list[int | None] = []

    def move(_: Event, port: int) -> Iterator[Any]:
        statuses.extend(send(port, ct_instance(0), ct_instance(1, study="1.2.999"), ct_instance(99, study="1.2.999")))
        yield "127.0.0.1", port
        yield 0

    async with moving(move) as (client, _):
        arrivals = await fetch(client, STUDY, LISTED)
    # The second says it is of another study under a UID that the PACS listed for this one; the third's was not listed.
    # Whether they are taken is for the check of all arrivals to say.
    assert [arrival.ref.study_instance_uid for arrival in arrivals] == ["1.2.3", "1.2.3", "1.2.999"]
    assert statuses == [0, 0, NOT_AUTHORISED]


async def test_what_comes_just_after_the_end_of_a_move_is_taken() -> None:
    late: list[int | None] = []

    def move(event: Event, port: int) -> Iterator[Any]:
        origin = {"originator_aet": "RADGATE", "originator_id": event.request.MessageID}

        def send_late() -> None:
            time.sleep(0.4)
            late.extend(send(port, ct_instance(1), **origin))

        sender = threading.Thread(target=send_late)
        yield "127.0.0.1", port, {"contexts": [build_context(CT, ExplicitVRLittleEndian)]}
        yield 2
        yield 0xFF00, ct_instance(0)
        sender.start()
        yield 0xFF00, ct_instance(0)  # counted as the second, which is still in transit

    async with moving(move) as (client, _):
        arrivals = await fetch(client, STUDY, LISTED)
    assert {arrival.ref for arrival in arrivals} == {item.ref for item in LISTED}
    assert late == [0]


async def test_what_never_comes_after_the_end_of_a_move_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.SETTINGS", SETTINGS.model_copy(update={"move_grace_s": 0.2}))

    def move(_: Event, port: int) -> Iterator[Any]:
        yield "127.0.0.1", port, {"contexts": [build_context(CT, ExplicitVRLittleEndian)]}
        yield 2
        yield 0xFF00, ct_instance(0)
        yield 0xFF00, ct_instance(0)

    async with moving(move) as (client, _):
        arrivals = await fetch(client, STUDY, LISTED)
    assert {arrival.ref for arrival in arrivals} == {LISTED[0].ref}


async def test_a_store_for_a_move_that_is_over_is_refused() -> None:
    statuses: list[int | None] = []

    def move(event: Event, port: int) -> Iterator[Any]:
        other = (event.request.MessageID or 0) + 1
        statuses.extend(send(port, ct_instance(0), originator_aet="RADGATE", originator_id=other))
        yield "127.0.0.1", port
        yield 0

    async with moving(move) as (client, _):
        assert await fetch(client, STUDY, LISTED) == []
    assert statuses == [NOT_AUTHORISED]


async def test_a_consumer_may_be_slower_than_the_idle_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.SETTINGS", SETTINGS.model_copy(update={"idle_timeout_s": 3}))

    async with moving(sending(8)) as (client, _), client.reader.retrieve(STUDY, listed(8)) as arrivals:
        await anext(arrivals)
        await asyncio.sleep(4)
        assert len([arrival async for arrival in arrivals]) == 7


async def has_stopped(sent: list[int]) -> bool:
    before = len(sent)
    await asyncio.sleep(0.3)
    return len(sent) == before


async def test_leaving_a_move_early_stops_the_pacs() -> None:
    sent: list[int] = []

    async with moving(sending(500, sent)) as (client, _):
        async with client.reader.retrieve(STUDY, listed(500)) as arrivals:
            await anext(arrivals)
        async with asyncio.timeout(LONG_S):
            while not await has_stopped(sent):
                continue
        assert len(sent) < 500


async def test_nobody_may_store_while_nothing_is_awaited() -> None:
    async with moving(lambda *_: iter(())) as (_, scp):
        assert await asyncio.to_thread(send, scp.port, ct_instance(0)) == [None]


def answer_to(port: int, data: bytes, timeout_s: float = LONG_S) -> bytes:
    """What the SCP sends to somebody who connects and sends this, b"" when it closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        connection.sendall(data)
        return connection.recv(1)


async def test_a_pdu_of_absurd_length_ends_the_connection_before_memory_is_taken_for_it() -> None:
    async with moving(lambda *_: iter(())) as (_, scp):
        assert await asyncio.to_thread(answer_to, scp.port, b"\x01\x00\xff\xff\xff\xff") == b""


def is_turned_away(port: int) -> bool:
    """Whether the SCP closes a connection, instead of waiting for what comes over it."""
    try:
        return answer_to(port, b"", 1) == b""
    except TimeoutError:
        return False


async def test_strangers_who_connect_and_say_nothing_are_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scp_server, "MAX_STRANGERS", 2)
    async with moving(lambda *_: iter(())) as (_, scp):
        assert not await asyncio.to_thread(is_turned_away, scp.port)  # alone, a stranger is waited for
        silent = [socket.create_connection(("127.0.0.1", scp.port)) for _ in range(2)]
        async with asyncio.timeout(LONG_S):
            while not await asyncio.to_thread(is_turned_away, scp.port):
                continue
        for connection in silent:
            connection.close()
        async with asyncio.timeout(LONG_S):
            while await asyncio.to_thread(is_turned_away, scp.port):
                continue


async def test_a_port_in_use_is_a_configuration_error() -> None:
    async with moving(lambda *_: iter(())) as (_, scp):
        with pytest.raises(ConfigurationError, match="dicom_port"):
            await StorageScp("RADGATE", host="127.0.0.1", port=scp.port, settings=SETTINGS).start()
