"""What the DIMSE adapter makes of a PACS that refuses, breaks off, falls silent or sends what it should not."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.dimse_primitives import C_GET, C_MOVE
from pynetdicom.events import Event
from pynetdicom.sop_class import Verification

from radgate_server.adapters.clock import SystemClock
from radgate_server.adapters.pacs.dimse import StorageScp, build_dimse_pacs
from radgate_server.core.dicom.identifiers import InstanceRef, QueryLevel, RetrieveScope
from radgate_server.core.dicom.instances import FailedInstance, ListedInstance, MemoryContent, ReceivedInstance
from radgate_server.core.errors import (
    InstanceMalformedError,
    InstanceNotSentError,
    PacsAbortedError,
    PacsBusyError,
    PacsFailedError,
    PacsNoContextError,
    PacsRejectedError,
    PacsTimeoutError,
    PacsUnreachableError,
)
from radgate_server.core.pacs.connections import DimseConnection, RetrieveMethod
from radgate_server.core.pacs.health import BreakerState
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.query.model import MatchingKey, Query
from radgate_server.services.pacs.arrival_check import UnobservedArrivals, checked_pacs
from radgate_server.services.pacs.resilience import PacsGuard
from radgate_server.settings.pacs import DimseSettings, PacsSettings
from tests.conformance.pacs_suite import config_of, fetch
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.faulty_scp import FaultyScp, ct_instance, identifier
from tests.integration.ports import free_port

CT = "1.2.840.10008.5.1.4.1.1.2"
LONG_S = 30
"""What no test waits for, unless something is wrong."""
SETTINGS = DimseSettings(
    connect_timeout_s=LONG_S,
    idle_timeout_s=LONG_S,
    acquire_timeout_s=LONG_S,
    pool_idle_s=LONG_S,
    max_instance_bytes=1 << 20,
)
IMPATIENT = SETTINGS.model_copy(update={"idle_timeout_s": 4})
"""Where silence is what a test is about: a busy machine may let some seconds go by."""
STUDY = RetrieveScope("1.2.3")
ONE_STUDY = Query(QueryLevel.STUDY, (MatchingKey(("0020000D",), "1.2.3"),))

# pynetdicom's own server, our counterpart here, leaves sockets to the garbage collector when the peer was faster.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


@asynccontextmanager
async def client_of(port: int, settings: DimseSettings = SETTINGS, **connection: Any) -> AsyncIterator[PacsClient]:
    scp = StorageScp("RADGATE", host="127.0.0.1", port=0, settings=settings)
    target = DimseConnection(connection.pop("host", "127.0.0.1"), port, "FAULTY", "RADGATE", **connection)
    client = build_dimse_pacs(config_of(target), settings=settings, storage_scp=scp, telemetry=RecordingTelemetry())
    try:
        yield client
    finally:
        await client.close()


def listed(count: int) -> Sequence[ListedInstance]:
    return [ListedInstance(InstanceRef("1.2.3", "1.2.3.4", f"1.2.3.4.{number}"), CT) for number in range(count)]


def sending(*instances: Dataset) -> Callable[[Event], Iterator[Any]]:
    def handle(_: Event) -> Iterator[Any]:
        yield len(instances)
        for instance in instances:
            yield 0xFF00, instance

    return handle


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + LONG_S
    while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not [thread.name for thread in left]


# --- no association ---------------------------------------------------------------------------------------------------


async def test_a_closed_port_is_unreachable() -> None:
    async with client_of(free_port()) as client:
        with pytest.raises(PacsUnreachableError, match="refused the connection"):
            await client.echo.echo()


async def test_an_unknown_host_is_unreachable() -> None:
    async with client_of(104, host="no-such-host.invalid") as client:
        with pytest.raises(PacsUnreachableError, match="resolved"):
            await client.echo.echo()


async def test_an_echo_reports_the_implementation() -> None:
    with FaultyScp(required_called_aet=True) as scp:
        async with client_of(scp.port) as client:
            assert (await client.echo.echo()).detail.startswith("PYNETDICOM")


async def test_a_rejection_says_why() -> None:
    with FaultyScp(required_calling_aet=["SOMEBODY"]) as scp:
        async with client_of(scp.port) as client:
            with pytest.raises(PacsRejectedError, match="calling AE title not recognised") as caught:
                await client.echo.echo()
    assert caught.value.details == {"pacs": "main", "rejection": "calling-aet"}


async def test_a_pacs_that_has_no_room_now_is_busy_and_asked_again() -> None:
    with FaultyScp(max_associations=1) as scp:
        other = AE("OTHER")
        other.add_requested_context(Verification)
        held = other.associate("127.0.0.1", scp.port)
        async with client_of(scp.port) as client:
            with pytest.raises(PacsBusyError, match="for now: local limit exceeded"):
                await client.echo.echo()

            async def make_room(_seconds: float) -> None:
                await asyncio.to_thread(held.release)
                await asyncio.to_thread(scp.wait_until_empty, 10)

            settings = PacsSettings(breaker_failures=1)
            guard = PacsGuard(settings, SystemClock(), RecordingTelemetry(), sleep=make_room)
            config = config_of(DimseConnection("127.0.0.1", scp.port, "FAULTY", "RADGATE"))
            guarded = guard.wrap(config, client)
            assert (await guarded.echo.echo()).detail.startswith("PYNETDICOM")
            breakers = [state.breaker for state in guard.states(config.tenant_id, config.name)]
            assert set(breakers) == {BreakerState.CLOSED}


async def test_a_pacs_without_the_service_has_no_context() -> None:
    with FaultyScp(models=(Verification,)) as scp:
        async with client_of(scp.port) as client:
            with pytest.raises(PacsNoContextError):
                await client.query.find(ONE_STUDY, max_results=10)
            with pytest.raises(PacsNoContextError):
                await fetch(client, STUDY, listed(1))


async def test_a_silent_listener_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with client_of(listener.getsockname()[1], SETTINGS.model_copy(update={"connect_timeout_s": 1})) as client:
            with pytest.raises(PacsTimeoutError, match="association request"):
                await client.echo.echo()


async def test_an_abort_in_place_of_an_answer() -> None:
    with FaultyScp(on_request=lambda event: event.assoc.abort()) as scp:
        async with client_of(scp.port) as client:
            with pytest.raises(PacsAbortedError):
                await client.echo.echo()


def send_pending(event: Event, answer: C_GET | C_MOVE) -> None:
    """What a PACS sends to say that it still works on a retrieve (PS3.7 9.1.3.1, 9.1.4.1)."""
    time.sleep(0.02)
    answer.MessageIDBeingRespondedTo = event.request.MessageID
    answer.AffectedSOPClassUID = event.request.AffectedSOPClassUID
    answer.Status = 0xFF00
    answer.NumberOfRemainingSuboperations = 1
    event.assoc.dimse.send_msg(answer, event.context.context_id)


@pytest.mark.parametrize("method", list(RetrieveMethod))
async def test_pendings_without_an_instance_end(method: RetrieveMethod) -> None:
    def handle(event: Event) -> Iterator[Any]:
        while event.assoc.is_established:
            send_pending(event, C_GET() if method is RetrieveMethod.GET else C_MOVE())
        yield 0

    hasty = SETTINGS.model_copy(update={"idle_timeout_s": 1})
    with FaultyScp(on_get=handle, on_move=handle) as scp:
        async with client_of(scp.port, hasty, retrieve_method=method) as client, asyncio.timeout(LONG_S):
            with pytest.raises(PacsTimeoutError, match="minimum rate"):
                await fetch(client, STUDY, listed(2))


async def test_a_pacs_that_may_be_as_slow_as_it_likes_is_waited_for() -> None:
    def handle(event: Event) -> Iterator[Any]:
        for _ in range(80):
            send_pending(event, C_GET())
        yield from sending(ct_instance(0))(event)

    hasty = SETTINGS.model_copy(update={"idle_timeout_s": 1})
    with FaultyScp(on_get=handle) as scp:
        async with client_of(scp.port, hasty, min_bytes_per_second=0) as client:
            arrivals = await fetch(client, STUDY, listed(1))
    assert [arrival.ref.sop_instance_uid for arrival in arrivals] == ["1.2.3.4.0"]


# --- query ------------------------------------------------------------------------------------------------------------


async def test_a_failure_status_is_reported_without_the_comment() -> None:
    def refuse(_: Event) -> Iterator[Any]:
        status = identifier(ErrorComment="Nobody^At All is not here")
        status.Status = 0xA900
        yield status, None

    with FaultyScp(on_find=refuse) as scp:
        async with client_of(scp.port) as client:
            with pytest.raises(PacsFailedError, match="0xA900") as caught:
                await client.query.find(ONE_STUDY, max_results=10)
    assert "Nobody" not in str(caught.value)
    assert caught.value.details == {"pacs": "main", "status": "0xA900"}


async def test_silence_in_a_query_times_out_but_slow_answers_do_not() -> None:
    over, falls_silent = threading.Event(), threading.Event()

    def slow(_: Event) -> Iterator[Any]:
        if falls_silent.is_set():
            over.wait(LONG_S)
        for number in range(5):
            time.sleep(1)
            yield 0xFF00, identifier(StudyInstanceUID=f"1.2.3.{number}", QueryRetrieveLevel="STUDY")

    with FaultyScp(on_find=slow) as scp:
        async with client_of(scp.port, IMPATIENT) as client:
            assert len((await client.query.find(ONE_STUDY, max_results=10)).matches) == 5
            falls_silent.set()
            with pytest.raises(PacsTimeoutError):
                await client.query.find(ONE_STUDY, max_results=10)
            over.set()


async def test_a_cut_query_cancels_at_the_pacs_and_keeps_the_association(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radgate_server.adapters.pacs.dimse.find.query._DRAIN_S", LONG_S)
    cancelled = threading.Event()

    def endless(event: Event) -> Iterator[Any]:
        for number in range(100_000):
            if event.is_cancelled:
                cancelled.set()
                yield 0xFE00, None
                return
            time.sleep(0.001)  # pynetdicom reads nothing while it has something to send
            yield 0xFF00, identifier(StudyInstanceUID=f"1.2.{number}", QueryRetrieveLevel="STUDY")

    with FaultyScp(on_find=endless) as scp:
        async with client_of(scp.port) as client:
            for _ in range(2):
                result = await client.query.find(Query(QueryLevel.STUDY), max_results=5)
                assert len(result.matches) == 5
                assert result.truncated
        assert cancelled.is_set()
        assert scp.associations == 1


async def test_a_pacs_that_does_not_stop_when_asked_to_loses_the_association(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radgate_server.adapters.pacs.dimse.find.query._DRAIN_S", 0.2)

    def deaf(_: Event) -> Iterator[Any]:
        for number in range(100_000):
            yield 0xFF00, identifier(StudyInstanceUID=f"1.2.{number}", QueryRetrieveLevel="STUDY")

    with FaultyScp(on_find=deaf) as scp:
        async with client_of(scp.port) as client:
            for _ in range(2):
                async with asyncio.timeout(LONG_S):
                    result = await client.query.find(Query(QueryLevel.STUDY), max_results=5)
                assert len(result.matches) == 5
                assert result.truncated
        assert scp.associations == 2


@pytest.mark.parametrize("level", [QueryLevel.SERIES, QueryLevel.IMAGE])
async def test_a_query_below_an_answer_that_does_not_end_fails_by_the_pacs(
    monkeypatch: pytest.MonkeyPatch, level: QueryLevel
) -> None:
    """With a key of the study, whose level is asked first."""
    monkeypatch.setattr("radgate_server.adapters.pacs.dimse.find.query._DRAIN_S", 0.2)
    query = Query(level, (MatchingKey(("00100020",), "P1"),))

    def deaf(_: Event) -> Iterator[Any]:
        for number in range(100_000):
            yield 0xFF00, identifier(StudyInstanceUID=f"1.2.{number}", PatientID="P1", QueryRetrieveLevel="STUDY")

    with FaultyScp(on_find=deaf) as scp:
        async with client_of(scp.port) as client:
            with pytest.raises(PacsFailedError, match="does not end its answer"):
                await client.query.find(query, max_results=5)


async def test_of_several_values_one_whose_answer_does_not_end_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radgate_server.adapters.pacs.dimse.find.query._DRAIN_S", 0.2)
    query = Query(QueryLevel.STUDY, (MatchingKey(("00080061",), "CT\\MR"),))

    def deaf(_: Event) -> Iterator[Any]:
        for number in range(100_000):
            yield 0xFF00, identifier(StudyInstanceUID=f"1.2.{number}", QueryRetrieveLevel="STUDY")

    with FaultyScp(on_find=deaf) as scp:
        async with client_of(scp.port) as client:
            result = await client.query.find(query, max_results=5)
            assert (len(result.matches), result.truncated) == (5, True)


async def test_a_pooled_association_that_the_pacs_forgot_is_replaced() -> None:
    def find(_: Event) -> Iterator[Any]:
        yield 0xFF00, identifier(StudyInstanceUID="1.2.3", QueryRetrieveLevel="STUDY")

    with FaultyScp(on_find=find) as scp:
        async with client_of(scp.port) as client:
            await client.query.find(ONE_STUDY, max_results=5)
            for association in scp._server.active_associations:
                association.abort()
            assert (await client.query.find(ONE_STUDY, max_results=5)).matches
        assert scp.associations == 2


async def test_an_idle_association_is_released() -> None:
    with FaultyScp(on_find=lambda _: iter(())) as scp:
        async with client_of(scp.port, SETTINGS.model_copy(update={"pool_idle_s": 0.1})) as client:
            await client.query.find(ONE_STUDY, max_results=5)
            assert await asyncio.to_thread(scp.released.wait, LONG_S)


async def test_cancelling_a_query_frees_the_association_at_once() -> None:
    hangs, over = threading.Event(), threading.Event()

    def hang(_: Event) -> Iterator[Any]:
        hangs.set()
        over.wait(LONG_S)
        yield 0x0000, None

    with FaultyScp(on_find=hang, on_echo=lambda _: 0) as scp:
        async with client_of(scp.port, max_associations=1) as client:
            searching = asyncio.create_task(client.query.find(ONE_STUDY, max_results=5))
            assert await asyncio.to_thread(hangs.wait, LONG_S)
            searching.cancel()
            with pytest.raises(asyncio.CancelledError):
                await searching
            await client.echo.echo()  # while the PACS still hangs
            over.set()


async def test_waiting_for_an_association_is_bounded() -> None:
    settings = SETTINGS.model_copy(update={"acquire_timeout_s": 0.3})
    with FaultyScp(on_get=sending(*(ct_instance(number) for number in range(5))), on_echo=lambda _: 0) as scp:
        async with (
            client_of(scp.port, settings, max_associations=1) as client,
            client.reader.retrieve(STUDY, listed(5)) as arrivals,
        ):
            assert await anext(arrivals)
            with pytest.raises(PacsBusyError):
                await client.echo.echo()


# --- retrieve ---------------------------------------------------------------------------------------------------------


async def test_an_abort_in_mid_transfer_comes_after_what_arrived() -> None:
    def break_off(event: Event) -> Iterator[Any]:
        yield 3
        yield 0xFF00, ct_instance(0)
        event.assoc.abort()

    with FaultyScp(on_get=break_off) as scp:
        async with client_of(scp.port) as client, client.reader.retrieve(STUDY, listed(3)) as arrivals:
            assert (await anext(arrivals)).ref.sop_instance_uid == "1.2.3.4.0"
            with pytest.raises(PacsAbortedError):
                await anext(arrivals)


async def test_silence_in_mid_transfer_times_out() -> None:
    over = threading.Event()

    def fall_silent(_: Event) -> Iterator[Any]:
        yield 2
        yield 0xFF00, ct_instance(0)
        over.wait(LONG_S)
        yield 0xFF00, ct_instance(1)

    with FaultyScp(on_get=fall_silent) as scp:
        async with client_of(scp.port, IMPATIENT) as client:
            with pytest.raises(PacsTimeoutError):
                await fetch(client, STUDY, listed(2))
            over.set()


async def test_failed_sub_operations_come_as_failed_instances() -> None:
    wrong = ct_instance(1)
    wrong.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"  # no context was proposed for MR
    with FaultyScp(on_get=sending(ct_instance(0), wrong)) as scp:
        async with client_of(scp.port) as client:
            first, second = await fetch(client, STUDY, listed(2))
    assert isinstance(first, ReceivedInstance)
    assert isinstance(second, FailedInstance)
    assert second.ref.sop_instance_uid == "1.2.3.4.1"
    assert isinstance(second.error, InstanceNotSentError)


async def test_a_retrieve_that_fails_as_a_whole_raises() -> None:
    def refuse(_: Event) -> Iterator[Any]:
        yield 1
        yield 0xA702, None

    with FaultyScp(on_get=refuse) as scp:
        async with client_of(scp.port) as client:
            with pytest.raises(PacsFailedError) as caught:
                await fetch(client, STUDY, listed(1))
    assert caught.value.details["status"] == "0xA702"


async def test_an_instance_of_another_study_is_dropped() -> None:
    stranger = ct_instance(7, study="1.2.999")
    with FaultyScp(on_get=sending(stranger, ct_instance(0), ct_instance(8))) as scp:
        async with client_of(scp.port) as client:
            arrivals = await fetch(checked_pacs(client, "east", UnobservedArrivals()), STUDY, listed(1))
    # The last one was not listed, but says itself that it is of the study.
    assert [arrival.ref.sop_instance_uid for arrival in arrivals] == ["1.2.3.4.0", "1.2.3.4.8"]


async def test_an_instance_beyond_the_limit_is_refused_and_the_rest_comes() -> None:
    with FaultyScp(on_get=sending(ct_instance(0, pixel_bytes=3 << 20), ct_instance(1))) as scp:
        async with client_of(scp.port) as client:
            arrivals = await fetch(client, STUDY, listed(2))
    failed = [arrival for arrival in arrivals if isinstance(arrival, FailedInstance)]
    assert {type(item.error) for item in failed} <= {InstanceMalformedError, InstanceNotSentError}
    assert {item.ref.sop_instance_uid for item in failed} == {"1.2.3.4.0"}
    assert [item.ref.sop_instance_uid for item in arrivals if isinstance(item, ReceivedInstance)] == ["1.2.3.4.1"]


async def test_the_pacs_waits_for_a_slow_consumer() -> None:
    sent = []

    def count(_: Event) -> Iterator[Any]:
        yield 20
        for number in range(20):
            sent.append(number)
            yield 0xFF00, ct_instance(number)

    with FaultyScp(on_get=count) as scp:
        async with client_of(scp.port) as client, client.reader.retrieve(STUDY, listed(20)) as arrivals:
            await anext(arrivals)
            await asyncio.sleep(0.5)
            assert len(sent) <= 5
            assert len([arrival async for arrival in arrivals]) == 19


async def test_leaving_early_aborts_at_the_pacs() -> None:
    with FaultyScp(on_get=sending(*(ct_instance(number) for number in range(50)))) as scp:
        async with client_of(scp.port, max_associations=1) as client:
            async with client.reader.retrieve(STUDY, listed(50)) as arrivals:
                await anext(arrivals)
            assert await asyncio.to_thread(scp.aborted.wait, LONG_S)


async def test_cancelling_the_consumer_frees_the_association() -> None:
    with FaultyScp(on_get=sending(*(ct_instance(number) for number in range(50))), on_echo=lambda _: 0) as scp:
        async with client_of(scp.port, max_associations=1) as client:
            came = asyncio.Event()

            async def dawdle() -> None:
                async with client.reader.retrieve(STUDY, listed(50)) as arrivals:
                    async for _ in arrivals:
                        came.set()
                        await asyncio.sleep(LONG_S)

            task = asyncio.create_task(dawdle())
            await came.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await client.echo.echo()


async def test_a_move_to_an_unknown_destination_says_what_to_do() -> None:
    def unknown(_: Event) -> Iterator[Any]:
        yield None, None

    with FaultyScp(on_move=unknown) as scp:
        async with client_of(scp.port, retrieve_method=RetrieveMethod.MOVE) as client:
            with pytest.raises(PacsFailedError, match="AE title") as caught:
                await fetch(client, STUDY, listed(1))
    assert caught.value.details["status"] == "0xA801"


# --- store ------------------------------------------------------------------------------------------------------------


async def test_store_sends_the_bytes_untouched() -> None:
    stored: list[bytes] = []

    def keep(event: Event) -> int:
        stored.append(event.request.DataSet.getvalue())
        return 0

    with FaultyScp(on_get=sending(ct_instance(0, pixel_bytes=700_000)), on_store=keep) as scp:
        async with client_of(scp.port) as client:
            (received,) = await fetch(client, STUDY, listed(1))
            assert isinstance(received, ReceivedInstance)
            assert client.store is not None
            await client.store.store(received)
    assert isinstance(received.content, MemoryContent)
    assert stored == [bytes(received.content.parts[1])]


async def test_a_store_that_the_pacs_refuses() -> None:
    with FaultyScp(on_get=sending(ct_instance(0)), on_store=lambda _: 0xA700) as scp:
        async with client_of(scp.port) as client:
            (received,) = await fetch(client, STUDY, listed(1))
            assert isinstance(received, ReceivedInstance)
            assert client.store is not None
            with pytest.raises(PacsFailedError, match="out of resources"):
                await client.store.store(received)
