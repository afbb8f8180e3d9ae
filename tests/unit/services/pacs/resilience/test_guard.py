import asyncio
from contextlib import suppress
from dataclasses import replace
from unittest.mock import AsyncMock

import pytest

from radgate_server.core.dicom.identifiers import InstanceRef, QueryLevel, RetrieveScope
from radgate_server.core.dicom.instances import Arrival, ListedInstance, ReceivedInstance
from radgate_server.core.errors import (
    PacsAbortedError,
    PacsBusyError,
    PacsCircuitOpenError,
    PacsCredentialsError,
    PacsError,
    PacsFailedError,
    PacsTimeoutError,
    PacsUnreachableError,
)
from radgate_server.core.pacs.connections import FolderConnection, PacsConfig
from radgate_server.core.pacs.health import BreakerState, Liveness
from radgate_server.core.pacs.ports import ChangeBatch, PacsClient
from radgate_server.core.query.model import Query
from radgate_server.lib.deadline import expect_within
from radgate_server.services.pacs.resilience import PacsGuard
from radgate_server.settings.pacs import PacsSettings
from tests.fakes.clock import START, FakeClock
from tests.fakes.instances import STUDY, make_dataset, make_study, received
from tests.fakes.memory_pacs import MemoryPacs
from tests.fakes.telemetry import RecordingTelemetry
from tests.fakes.waiting import settle

CONFIG = PacsConfig("east", "memory", FolderConnection("/memory"), START)
STUDIES = Query(QueryLevel.STUDY)
SCOPE = RetrieveScope(STUDY)
UNREACHABLE = PacsUnreachableError("the PACS can't be reached", pacs="memory")
ABORTED = PacsAbortedError("the PACS broke the connection", pacs="memory")


class Flaky(MemoryPacs):
    """Raises the `failures` one after the other, then works. `waits` are the back-offs meanwhile."""

    def __init__(self, *failures: PacsError) -> None:
        super().__init__(make_study(3))
        self.failures = list(failures)

    async def _begin(self, operation: str) -> None:
        await super()._begin(operation)
        if self.failures:
            raise self.failures.pop(0)


class Bench:
    """A guard around a PACS in memory."""

    def __init__(self, pacs: MemoryPacs, **settings: float) -> None:
        self.pacs = pacs
        self.clock = FakeClock()
        self.telemetry = RecordingTelemetry()
        self.waits: list[float] = []
        values = {"breaker_failures": 3, "breaker_open_s": 10, "max_retries": 2, **settings}
        self.guard = PacsGuard(
            PacsSettings.model_validate(values),
            self.clock,
            self.telemetry,
            uniform=lambda _, high: high,
            sleep=self.sleep,
        )
        self.client = self.guard.wrap(CONFIG, pacs.client)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock.advance(seconds)

    async def find(self) -> int:
        return len((await self.client.query.find(STUDIES, max_results=10)).matches)

    async def retrieve(self, limit: int = 100) -> int:
        count = 0
        async with self.client.reader.retrieve(SCOPE, ()) as arrivals:
            async for _ in arrivals:
                count += 1
                if count == limit:
                    break
        return count

    async def store(self) -> None:
        assert self.client.store
        await self.client.store.store(received(make_dataset("2.25.9", "2.25.9.1", "2.25.9.1.1")))

    async def fail(self, times: int, error: PacsError = UNREACHABLE) -> None:
        self.pacs.refuse_with = error
        for _ in range(times):
            with pytest.raises(type(error)):
                await self.find()
        self.pacs.refuse_with = None

    def state(self, operation: str = "find") -> BreakerState:
        states = self.guard.states("east", "memory")
        return next(each.breaker for each in states if each.operation == operation)

    def liveness(self) -> Liveness:
        return self.guard.liveness("east", "memory")

    def running(self) -> tuple[int, int]:
        return self.telemetry.waiting["east", "memory"]


async def test_a_pacs_that_works_is_asked_once_and_answers_as_ever() -> None:
    bench = Bench(MemoryPacs(make_study(3)))
    assert (await bench.find(), await bench.retrieve()) == (1, 3)
    await bench.store()
    assert await bench.client.echo.echo() == await bench.pacs.client.echo.echo()
    assert bench.pacs.calls == {"find": 1, "retrieve": 1, "store": 1, "echo": 2}
    assert (bench.waits, bench.telemetry.breakers, bench.running()) == ([], [], (0, 0))


async def test_an_outage_is_one_line_that_names_pacs_and_reason(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(MemoryPacs(make_study(3)))
    await bench.fail(1)
    for _ in range(20):
        bench.clock.advance(100)
        await bench.fail(1)
    bench.clock.advance(100)
    assert await bench.find() == 1
    assert [record.getMessage() for record in caplog.records] == [
        "PACS memory fails at find: the PACS can't be reached",
        "recovered: PACS memory fails at find",
    ]
    assert caplog.records[0].__dict__["tenant"] == "east"


async def test_roles_that_are_missing_stay_so_and_the_others_keep_their_place() -> None:
    bench = Bench(MemoryPacs())
    plain = replace(bench.pacs.client, store=None)
    wrapped = bench.guard.wrap(CONFIG, plain)
    assert (wrapped.name, wrapped.store, wrapped.changes, wrapped.describer) == ("memory", None, None, None)
    assert [state.operation for state in bench.guard.states("east", "memory")] == ["echo", "find", "retrieve"]
    await wrapped.close()
    assert bench.pacs.closed


async def test_changes_are_guarded_and_not_repeated() -> None:
    class Feed:
        def __init__(self) -> None:
            self.failures: list[PacsError] = [ABORTED]

        async def changes_after(self, last: int | None) -> ChangeBatch:
            if self.failures:
                raise self.failures.pop()
            return ChangeBatch((), last or 7, more=False)

    bench = Bench(MemoryPacs())
    client = bench.guard.wrap(CONFIG, replace(bench.pacs.client, changes=Feed()))
    assert client.changes
    with pytest.raises(PacsAbortedError):
        await client.changes.changes_after(None)
    assert (await client.changes.changes_after(None)).last == 7
    assert bench.waits == []


@pytest.mark.parametrize("operation", ["find", "retrieve", "store"])
@pytest.mark.parametrize("error", [UNREACHABLE, ABORTED, PacsBusyError("busy", pacs="memory")])
async def test_what_may_pass_is_repeated_after_growing_waits(operation: str, error: PacsError) -> None:
    bench = Bench(Flaky(error, error))
    await getattr(bench, operation)()
    assert bench.pacs.calls[operation] == 3
    assert bench.waits == [0.2, 0.4]
    assert bench.telemetry.retries == [("east", "memory", operation)] * 2
    assert bench.state(operation) is BreakerState.CLOSED


async def test_the_last_failure_is_the_callers() -> None:
    bench = Bench(Flaky(UNREACHABLE, UNREACHABLE, ABORTED), breaker_failures=9)
    with pytest.raises(PacsAbortedError):
        await bench.find()
    assert (bench.pacs.calls["find"], bench.running()) == (3, (0, 0))


@pytest.mark.parametrize("error", [PacsTimeoutError("silent", pacs="memory"), PacsFailedError("A700", pacs="memory")])
async def test_silence_and_answers_are_not_repeated(error: PacsError) -> None:
    bench = Bench(Flaky(error))
    with pytest.raises(type(error)):
        await bench.find()
    assert (bench.pacs.calls["find"], bench.waits) == (1, [])


async def test_nothing_is_repeated_past_the_callers_deadline() -> None:
    bench = Bench(Flaky(UNREACHABLE))
    expect_within(0.1)
    with pytest.raises(PacsUnreachableError):
        await bench.find()
    assert bench.waits == []


async def test_a_retrieve_is_not_repeated_once_something_came() -> None:
    bench = Bench(MemoryPacs(make_study(3)))
    bench.pacs.abort_after = 1
    with pytest.raises(PacsAbortedError):
        await bench.retrieve()
    assert (bench.pacs.calls["retrieve"], bench.running()) == (1, (0, 0))


async def test_instances_of_an_endless_study_end() -> None:
    arrived: list[Arrival] = []
    bench = Bench(MemoryPacs(make_study(205)))
    listed = [ListedInstance(InstanceRef(STUDY, f"{STUDY}.1", f"{STUDY}.1.{number}"), "") for number in (1, 2)]

    async def read_all() -> None:
        async with bench.client.reader.retrieve(SCOPE, listed) as arrivals:
            async for arrival in arrivals:
                arrived.append(arrival)  # noqa: PERF401 - what came before the failure counts

    with pytest.raises(PacsFailedError, match="does not list"):
        await read_all()
    assert 100 < len(arrived) < 110


async def test_a_retrieve_that_brings_nothing_is_one() -> None:
    bench = Bench(MemoryPacs())
    assert await bench.retrieve() == 0
    assert bench.pacs.calls["retrieve"] == 1


async def test_a_breaker_opens_for_its_operation_alone_and_closes_on_an_answer() -> None:
    bench = Bench(MemoryPacs(make_study(1)), max_retries=0)
    await bench.fail(3)
    assert (bench.state("find"), bench.state("retrieve")) == (BreakerState.OPEN, BreakerState.CLOSED)
    with pytest.raises(PacsCircuitOpenError) as caught:
        await bench.find()
    assert caught.value.details == {"pacs": "memory", "operation": "find"}
    assert caught.value.retry_after_s == 10
    assert (bench.pacs.calls["find"], await bench.retrieve()) == (3, 1)
    bench.clock.advance(10)
    assert await bench.find() == 1
    reported = [(operation, state) for _, _, operation, state in bench.telemetry.breakers]
    assert reported == [("find", "open"), ("find", "half-open"), ("find", "closed")]


async def test_each_attempt_counts_and_an_open_breaker_ends_the_repeating() -> None:
    bench = Bench(Flaky(UNREACHABLE, UNREACHABLE), breaker_failures=2)
    with pytest.raises(PacsUnreachableError):
        await bench.find()
    assert (bench.pacs.calls["find"], bench.waits) == (2, [0.2])


async def test_answers_open_no_breaker_however_unwelcome() -> None:
    bench = Bench(MemoryPacs(), max_retries=0)
    await bench.fail(9, PacsCredentialsError("refused", pacs="memory"))
    await bench.fail(9, PacsFailedError("A700", pacs="memory"))
    await bench.fail(9, PacsBusyError("busy", pacs="memory"))
    assert bench.state() is BreakerState.CLOSED


async def test_a_sign_of_life_is_always_asked_for() -> None:
    bench = Bench(MemoryPacs(), max_retries=0)
    bench.pacs.refuse_with = UNREACHABLE
    for _ in range(9):
        with pytest.raises(PacsUnreachableError):
            await bench.client.echo.echo()
    assert bench.guard.states("east", "memory")[0].consecutive_failures == 9
    assert bench.state("echo") is BreakerState.CLOSED


async def test_a_recovery_lets_one_call_try_before_its_time() -> None:
    bench = Bench(MemoryPacs(make_study(1)), max_retries=0)
    await bench.fail(3)
    bench.guard.note_recovery("east", "memory")
    bench.guard.note_recovery("east", "nobody")
    assert await bench.find() == 1
    assert bench.state() is BreakerState.CLOSED


async def test_only_one_call_tries_at_a_time_and_a_retrieve_lets_others_in_with_its_first_instance() -> None:
    bench = Bench(MemoryPacs(make_study(3)), max_retries=0)
    bench.pacs.refuse_with = UNREACHABLE
    for _ in range(3):
        with pytest.raises(PacsUnreachableError):
            await bench.retrieve()
    bench.pacs.refuse_with = None
    bench.clock.advance(10)
    bench.pacs.silence()
    trying = asyncio.create_task(bench.retrieve())
    await settle()
    with pytest.raises(PacsCircuitOpenError):
        await bench.retrieve()
    bench.pacs.release()
    assert await trying == 3
    async with bench.client.reader.retrieve(SCOPE, ()):
        assert bench.state("retrieve") is BreakerState.CLOSED
        assert await bench.retrieve() == 3


async def test_who_stands_in_line_as_the_breaker_opens_is_refused_when_its_turn_comes() -> None:
    bench = Bench(MemoryPacs(), max_retries=0, max_concurrent=1, breaker_failures=1)
    bench.pacs.silence()
    finds = [asyncio.create_task(bench.find()) for _ in range(4)]
    await settle()
    assert bench.running() == (3, 1)
    bench.pacs.refuse_with = UNREACHABLE
    bench.pacs.release()
    results = await asyncio.gather(*finds, return_exceptions=True)
    assert [type(result) for result in results] == [PacsUnreachableError] + [PacsCircuitOpenError] * 3
    assert (bench.pacs.calls["find"], bench.running()) == (1, (0, 0))


async def test_who_waits_too_long_is_informed_that_too_much_is_asked_and_the_pacs_is_not_blamed() -> None:
    bench = Bench(MemoryPacs(make_study(1)), max_concurrent=1, max_wait_s=0.001, breaker_failures=1)
    bench.pacs.silence()
    first = asyncio.create_task(bench.find())
    await settle()
    with pytest.raises(PacsBusyError):
        await bench.find()
    bench.pacs.release()
    assert await first == 1
    assert (bench.state(), bench.waits) == (BreakerState.CLOSED, [])


async def test_a_probe_learns_in_time_that_it_was_our_limits_that_held_it_up() -> None:
    bench = Bench(MemoryPacs(make_study(1)), max_concurrent=1, probe_timeout_s=0.001)
    async with bench.client.reader.retrieve(SCOPE, ()):
        with pytest.raises(PacsBusyError):
            await bench.client.echo.echo()
    assert bench.guard.states("east", "memory")[0].consecutive_failures == 0


async def test_a_retrieve_holds_its_place_until_it_is_left_and_not_longer() -> None:
    bench = Bench(MemoryPacs(make_study(3)))
    async with bench.client.reader.retrieve(SCOPE, ()) as arrivals:
        arrival = await anext(arrivals)
        assert isinstance(arrival, ReceivedInstance)
        assert bench.running() == (0, 1)
    assert (bench.running(), bench.pacs.cancelled) == ((0, 0), 1)
    with pytest.raises(ValueError, match="reader"):
        async with bench.client.reader.retrieve(SCOPE, ()):
            raise ValueError("the reader's own")
    assert (bench.running(), bench.state("retrieve")) == ((0, 0), BreakerState.CLOSED)


@pytest.mark.parametrize("operation", ["find", "retrieve", "store"])
async def test_cancelling_gives_everything_back_and_says_nothing_of_the_pacs(operation: str) -> None:
    bench = Bench(MemoryPacs(make_study(3)), breaker_failures=1)
    bench.pacs.silence()
    task = asyncio.create_task(getattr(bench, operation)())
    await settle()
    assert bench.running() == (0, 1)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert (bench.running(), bench.state(operation), bench.pacs.open_retrieves) == ((0, 0), BreakerState.CLOSED, 0)


async def test_a_query_given_up_after_a_long_silence_counts() -> None:
    bench = Bench(MemoryPacs(make_study(3)), breaker_failures=1, query_deadline_s=30)
    bench.pacs.silence()
    task = asyncio.create_task(bench.find())
    await settle()
    bench.clock.advance(15)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert bench.state() is BreakerState.OPEN


async def test_a_search_goes_before_what_lists_for_retrieves() -> None:
    bench = Bench(MemoryPacs(make_study(3)), max_concurrent=3)
    bench.pacs.silence()
    listing = replace(STUDIES, listing=True)
    retrieves = [asyncio.create_task(bench.client.query.find(listing, max_results=10)) for _ in range(9)]
    await settle()
    search = asyncio.create_task(bench.find())
    await settle()
    assert bench.running() == (7, 3), "one of three places is left to the search"
    bench.pacs.release()
    await asyncio.gather(search, *retrieves)


async def test_two_tenants_of_one_pacs_share_its_places() -> None:
    bench = Bench(MemoryPacs(make_study(3)), max_concurrent=1)
    other = bench.guard.wrap(replace(CONFIG, tenant_id="west"), bench.pacs.client)
    async with bench.client.reader.retrieve(SCOPE, ()):
        task = asyncio.create_task(other.query.find(STUDIES, max_results=10))
        await settle()
        assert bench.telemetry.waiting["west", "memory"] == (1, 0)
    assert (await task).matches


async def test_what_was_known_is_forgotten_when_a_pacs_is_set_up_again_or_goes() -> None:
    bench = Bench(MemoryPacs(), max_retries=0)
    old: PacsClient = bench.client
    await bench.fail(3)
    bench.client = bench.guard.wrap(CONFIG, bench.pacs.client)
    assert bench.telemetry.breakers[-1] == ("east", "memory", "find", "closed")
    assert (bench.state(), await bench.find()) == (BreakerState.CLOSED, 0)
    with pytest.raises(PacsCircuitOpenError):
        await old.query.find(STUDIES, max_results=1)
    await old.close()
    assert bench.guard.states("east", "memory")
    await bench.client.close()
    assert bench.guard.states("east", "memory") == ()
    bench.guard.forget("east", "memory")


async def test_an_old_connections_last_failures_are_not_the_new_ones() -> None:
    bench = Bench(MemoryPacs(), max_retries=0, breaker_failures=1)
    bench.pacs.silence()
    task = asyncio.create_task(bench.find())
    await settle()
    bench.guard.wrap(CONFIG, MemoryPacs().client)
    bench.pacs.refuse_with = UNREACHABLE
    bench.pacs.release()
    with pytest.raises(PacsUnreachableError):
        await task
    assert (bench.state(), bench.telemetry.breakers) == (BreakerState.CLOSED, [])


async def test_what_a_pacs_answers_or_sends_is_heard() -> None:
    bench = Bench(MemoryPacs(make_study(2)), max_retries=0)
    assert bench.liveness() == Liveness(None, 0)
    bench.clock.advance(5)
    await bench.find()
    assert bench.liveness() == Liveness(5, 0)
    bench.clock.advance(5)
    async with bench.client.reader.retrieve(SCOPE, ()) as arrivals:
        assert bench.liveness() == Liveness(10, 0)
        await anext(arrivals)
        bench.clock.advance(5)
        await anext(arrivals)
        assert bench.liveness() == Liveness(15, 0)
        bench.clock.advance(5)
    assert bench.liveness() == Liveness(15, 0)
    await bench.fail(1, PacsFailedError("out of resources", pacs="memory"))
    assert bench.liveness() == Liveness(20, 0)


@pytest.mark.parametrize("error", [UNREACHABLE, ABORTED, PacsTimeoutError("silent", pacs="memory")])
async def test_a_pacs_that_fails_is_not_heard(error: PacsError) -> None:
    bench = Bench(MemoryPacs(), max_retries=0)
    await bench.fail(1, error)
    assert bench.liveness() == Liveness(None, 0)


@pytest.mark.parametrize(("operation", "silent_s"), [("find", 7), ("retrieve", 0), ("store", 0)])
async def test_only_short_answers_are_waited_for(operation: str, silent_s: float) -> None:
    bench = Bench(MemoryPacs(make_study(3)))
    bench.pacs.silence()
    task = asyncio.create_task(getattr(bench, operation)())
    await settle()
    bench.clock.advance(7)
    assert bench.liveness() == Liveness(None, silent_s)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert bench.liveness() == Liveness(None, silent_s)


async def test_standing_in_line_is_no_silence_of_the_pacs() -> None:
    bench = Bench(MemoryPacs(make_study(3)), max_concurrent=1)
    async with bench.client.reader.retrieve(SCOPE, ()):
        finding = asyncio.create_task(bench.find())
        await settle()
        bench.clock.advance(7)
        assert bench.liveness() == Liveness(0, 0)
    assert await finding == 1


async def test_liveness_of_a_pacs_that_was_set_up_again_is_unknown() -> None:
    bench = Bench(MemoryPacs(make_study(1)))
    await bench.find()
    bench.guard.wrap(CONFIG, bench.pacs.client)
    assert bench.liveness() == bench.guard.liveness("east", "nobody") == Liveness(None, 0)


class Yielding(Bench):
    """Others run while it sleeps."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        await asyncio.sleep(0)


async def test_calls_in_progress_end_before_a_pacs_whose_settings_changed_is_closed() -> None:
    bench = Yielding(MemoryPacs(make_study(3)))
    old = bench.client
    bench.client = bench.guard.wrap(CONFIG, replace(bench.pacs.client, close=AsyncMock()))
    async with old.reader.retrieve(SCOPE, ()) as arrivals:
        closing = asyncio.create_task(old.close())
        await asyncio.sleep(0)
        assert len(bench.waits) == 1
        assert [type(arrival) async for arrival in arrivals] == [ReceivedInstance] * 3
        assert not bench.pacs.closed
    await closing
    assert bench.pacs.closed


async def test_calls_without_end_do_not_keep_a_pacs_whose_settings_changed() -> None:
    bench = Yielding(MemoryPacs(make_study(3)))
    old = bench.client
    bench.guard.wrap(CONFIG, bench.pacs.client)
    async with old.reader.retrieve(SCOPE, ()):
        await old.close()
    assert bench.pacs.closed
    assert sum(bench.waits) == pytest.approx(30)


async def test_a_pacs_that_was_removed_is_closed_at_once() -> None:
    bench = Yielding(MemoryPacs(make_study(3)))
    async with bench.client.reader.retrieve(SCOPE, ()):
        await bench.client.close()
        assert bench.pacs.closed
    assert bench.waits == []
