"""A group of PACS as one: calls, streams and stores while its members come and go."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest

from radgate_server.core.access.tenancy import Tenant
from radgate_server.core.dicom.identifiers import QueryLevel, RetrieveScope
from radgate_server.core.dicom.instances import Arrival, FailedInstance, ListedInstance, ReceivedInstance
from radgate_server.core.errors import (
    InstanceNotSentError,
    PacsAbortedError,
    PacsBusyError,
    PacsCannotError,
    PacsError,
    PacsFailedError,
    PacsTimeoutError,
    PacsUnreachableError,
)
from radgate_server.core.pacs.connections import FailoverPolicy, FolderConnection, PacsConfig
from radgate_server.core.pacs.failover import ActivePacs, Transition, TransitionCause
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.query.model import Query
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.pacs.failover import call_timeouts
from radgate_server.services.pacs.failover.tracker import FailoverTracker
from radgate_server.services.pacs.fetch_scopes import instance_scope
from tests.fakes.clock import START, FakeClock
from tests.fakes.directory import MemoryDirectory
from tests.fakes.instances import STUDY, make_dataset, make_study, received
from tests.fakes.memory_pacs import MemoryPacs
from tests.fakes.telemetry import RecordingTelemetry
from tests.fakes.waiting import until

SCOPE = RetrieveScope(STUDY)
POLICY = FailoverPolicy(threshold=3, failback_after_s=60)
STUDIES = Query(QueryLevel.STUDY, (), (), only_included=False)
REFUSED = PacsUnreachableError("connection refused", pacs="main")


@dataclass
class Rig:
    """The group main, spare, attic of tenant east, all with the same twelve instances."""

    clock: FakeClock = field(default_factory=FakeClock)
    telemetry: RecordingTelemetry = field(default_factory=RecordingTelemetry)
    directory: MemoryDirectory = field(init=False)
    tracker: FailoverTracker = field(init=False)
    clients: PacsClients = field(init=False)
    pacs: dict[str, MemoryPacs] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.directory = MemoryDirectory(self.clock.now)
        self.tracker = FailoverTracker(self.directory, self.clock, self.telemetry)
        self.clients = PacsClients(self.directory, {"folder": self.connect}, tracker=self.tracker)
        for name in ("main", "spare", "attic"):
            self.pacs[name] = MemoryPacs(make_study(6, series=2), name)

    def connect(self, config: PacsConfig) -> PacsClient:
        return self.pacs[config.name].client

    async def group(self) -> PacsClient:
        (client,) = await self.clients.of_tenant("east")
        return client

    def refuse(self, *names: str, error: PacsError = REFUSED) -> None:
        for name in names:
            self.pacs[name].refuse_with = error

    async def active(self) -> str:
        await self.tracker.settle()
        return self.tracker.active("east", "main")


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    await rig.directory.create_tenant(Tenant("east", START))
    for name, primary in (("main", ""), ("spare", "main"), ("attic", "main")):
        config = PacsConfig("east", name, FolderConnection(f"/{name}"), START, primary, POLICY)
        await rig.directory.create_pacs(config)
    yield rig
    await rig.tracker.close()
    await rig.clients.close()


async def set_policy(rig: Rig, policy: FailoverPolicy) -> None:
    main = (await rig.directory.list_pacs("east"))[0]
    await rig.directory.update_pacs(replace(main, failover=policy))
    await rig.clients.refresh("east")


async def listed(rig: Rig) -> list[ListedInstance]:
    reference = MemoryPacs(make_study(6, series=2)).client
    async with reference.reader.retrieve(SCOPE, []) as arrivals:
        return [ListedInstance(arrival.ref, "") async for arrival in arrivals]


async def retrieve(rig: Rig, into: list[Arrival] | None = None) -> list[Arrival]:
    arrivals: list[Arrival] = [] if into is None else into
    group = await rig.group()
    async with group.reader.retrieve(SCOPE, await listed(rig)) as stream:
        async for arrival in stream:
            arrivals.append(arrival)  # noqa: PERF401 - what came before a failure is looked at too
    return arrivals


def assert_whole(rig: Rig, arrivals: list[Arrival], expected: list[ListedInstance]) -> None:
    refs = [arrival.ref for arrival in arrivals]
    assert sorted(refs, key=str) == sorted((entry.ref for entry in expected), key=str)
    assert all(isinstance(arrival, ReceivedInstance) for arrival in arrivals)


async def find(rig: Rig) -> int:
    return len((await (await rig.group()).query.find(STUDIES, max_results=10)).matches)


async def test_looks_like_the_primary(rig: Rig) -> None:
    group = await rig.group()
    assert group.name == "main"
    assert await find(rig) == 1
    assert [rig.pacs[name].calls["find"] for name in rig.pacs] == [1, 0, 0]
    assert [client.name for client in await rig.clients.members("east")] == ["main", "spare", "attic"]
    assert (await rig.clients.named("east", "spare")).name == "spare"


async def test_a_call_continues_at_once_and_the_third_failure_switches_over(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.refuse("main")
    for failures in (1, 2):
        assert await find(rig) == 1
        assert await rig.active() == "main"
        assert rig.pacs["main"].calls["find"] == failures
    with caplog.at_level(logging.WARNING):
        assert await find(rig) == 1
        assert await rig.active() == "spare"
    assert await find(rig) == 1
    assert rig.pacs["main"].calls["find"] == 3
    expected = Transition(
        START, "east", "main", "main", "spare", TransitionCause.AUTOMATIC_FAILOVER, "PACS_UNREACHABLE"
    )
    assert list(await rig.directory.list_transitions("east", "main", 10)) == [expected]
    assert rig.telemetry.failovers == [("east", "main", "automatic-failover")]
    (event,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert event.__dict__["to_pacs"] == "spare"
    assert event.__dict__["reason"] == "PACS_UNREACHABLE"


async def test_passes_over_a_backup_that_is_down(rig: Rig) -> None:
    await rig.group()
    rig.tracker.observe("east", "spare", "echo", REFUSED)
    rig.refuse("main", "spare")
    for _ in range(3):
        assert await find(rig) == 1
    assert rig.pacs["spare"].calls["find"] == 0
    assert await rig.active() == "attic"


async def test_an_answer_that_is_a_failure_continues_but_does_not_count(rig: Rig) -> None:
    for error in (PacsFailedError("out of resources", pacs="main"), PacsBusyError("busy", pacs="main")):
        rig.refuse("main", error=error)
        for _ in range(5):
            assert await find(rig) == 1
    assert await rig.active() == "main"


async def test_all_down_is_the_active_ones_failure(rig: Rig) -> None:
    rig.refuse("main")
    rig.refuse("spare", "attic", error=PacsTimeoutError("silent", pacs="spare"))
    for _ in range(5):
        with pytest.raises(PacsUnreachableError):
            await find(rig)
    assert await rig.active() == "main"
    rig.pacs["attic"].refuse_with = None
    assert await find(rig) == 1
    rig.tracker.observe("east", "attic", "echo", None)
    with_attic = await find(rig)
    assert with_attic == 1
    assert await rig.active() == "attic"


async def test_a_disabled_policy_asks_nobody_else(rig: Rig) -> None:
    await set_policy(rig, FailoverPolicy(enabled=False))
    rig.refuse("main")
    for _ in range(4):
        with pytest.raises(PacsUnreachableError):
            await find(rig)
    assert await rig.active() == "main"
    assert rig.pacs["spare"].calls["find"] == 0


async def test_comes_back_once_the_primary_is_well_for_a_while(rig: Rig) -> None:
    rig.refuse("main")
    for _ in range(3):
        await find(rig)
    assert await rig.active() == "spare"
    for seconds, answered, active in (
        (30, True, "spare"),
        (59, False, "spare"),
        (1, True, "spare"),
        (60, True, "main"),
    ):
        rig.clock.advance(seconds)
        rig.tracker.observe("east", "main", "echo", None if answered else REFUSED)
        assert await rig.active() == active
    causes = [found.cause for found in await rig.directory.list_transitions("east", "main", 10)]
    assert causes == [TransitionCause.AUTOMATIC_FAILBACK, TransitionCause.AUTOMATIC_FAILOVER]


async def test_a_stream_that_breaks_continues_without_repeating_or_losing_an_instance(rig: Rig) -> None:
    rig.pacs["main"].abort_after = 2
    expected = await listed(rig)
    arrivals = await retrieve(rig)
    assert_whole(rig, arrivals, expected)
    assert rig.pacs["main"].sent == 2
    assert len(rig.pacs["spare"].scopes) <= 2
    assert rig.pacs["main"].open_retrieves == rig.pacs["spare"].open_retrieves == 0


async def test_a_stream_survives_two_breaks(rig: Rig) -> None:
    rig.pacs["main"].abort_after = 2
    rig.pacs["spare"].abort_after = 1
    assert_whole(rig, await retrieve(rig), await listed(rig))


async def test_what_one_does_not_send_the_next_is_asked_for(rig: Rig) -> None:
    expected = await listed(rig)
    lost, failing = expected[1].ref, expected[4].ref
    rig.pacs["main"].omitted = {lost.sop_instance_uid}
    rig.pacs["main"].failing = {failing.sop_instance_uid: PacsFailedError("can't read", pacs="main")}
    assert_whole(rig, await retrieve(rig), expected)
    assert rig.pacs["spare"].scopes == [instance_scope(lost), instance_scope(failing)]
    assert await rig.active() == "main"


async def test_what_nobody_sends_is_informed_once(rig: Rig) -> None:
    expected = await listed(rig)
    failing, omitted = expected[0].ref.sop_instance_uid, expected[1].ref.sop_instance_uid
    for pacs in rig.pacs.values():
        pacs.failing = {failing: InstanceNotSentError("lost", pacs=pacs.name)}
        pacs.omitted = {omitted}
    arrivals = await retrieve(rig)
    failures = [arrival for arrival in arrivals if isinstance(arrival, FailedInstance)]
    assert [failure.ref for failure in failures] == [expected[0].ref]
    assert len(arrivals) == len(expected) - 1


async def test_a_stream_that_breaks_everywhere_raises_after_what_came(rig: Rig) -> None:
    rig.pacs["main"].abort_after = 2
    rig.refuse("spare", "attic")
    arrivals: list[Arrival] = []
    with pytest.raises(PacsAbortedError):
        await retrieve(rig, arrivals)
    assert len(arrivals) == 2


async def test_leaving_early_cancels_at_the_pacs(rig: Rig) -> None:
    group = await rig.group()
    async with group.reader.retrieve(SCOPE, await listed(rig)) as stream:
        await anext(stream)
    assert rig.pacs["main"].cancelled == 1
    assert rig.pacs["spare"].calls["retrieve"] == 0


async def test_streams_that_break_at_once_switch_over(rig: Rig) -> None:
    rig.pacs["main"].abort_after = 1
    expected = await listed(rig)
    for arrivals in await asyncio.gather(*(retrieve(rig) for _ in range(10))):
        assert_whole(rig, arrivals, expected)
    assert await rig.active() == "spare"
    assert rig.telemetry.failovers == [("east", "main", "automatic-failover")]


async def test_a_stream_at_a_pacs_that_fell_silent_continues_when_it_is_given_up(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_timeouts, "GRACE_S", 0.01)
    rig.pacs["main"].silence()
    streaming = asyncio.create_task(retrieve(rig))
    searching = asyncio.create_task(find(rig))
    await until(lambda: rig.pacs["main"].calls.total() == 2)
    for _ in range(3):
        rig.tracker.observe("east", "main", "echo", REFUSED)
    assert await rig.active() == "spare"
    assert_whole(rig, await streaming, await listed(rig))
    assert await searching == 1
    assert rig.pacs["main"].open_retrieves == 0


async def test_stores_into_the_primary_alone(rig: Rig) -> None:
    instance = received(make_dataset(STUDY, "2.25.1000.9", "2.25.1000.9.1"))
    rig.refuse("main")
    group = await rig.group()
    assert group.store is not None
    for _ in range(4):
        with pytest.raises(PacsUnreachableError):
            await group.store.store(instance)
    assert await rig.active() == "spare"
    with pytest.raises(PacsUnreachableError):
        await group.store.store(instance)
    assert not rig.pacs["spare"].stored


async def test_stores_into_the_backup_that_an_operator_chose(rig: Rig) -> None:
    group = await rig.group()
    await switch_by_hand(rig, "main", "spare")
    assert group.store is not None
    await group.store.store(received(make_dataset(STUDY, "2.25.1000.9", "2.25.1000.9.1")))
    assert len(rig.pacs["spare"].stored) == 1


async def test_a_backup_that_cannot_store_says_so(rig: Rig) -> None:
    def connect(config: PacsConfig) -> PacsClient:
        client = rig.connect(config)
        return client if config.name == "main" else replace(client, store=None)

    (group,) = await PacsClients(rig.directory, {"folder": connect}, tracker=rig.tracker).of_tenant("east")
    await switch_by_hand(rig, "main", "spare")
    assert group.store is not None
    with pytest.raises(PacsCannotError):
        await group.store.store(received(make_dataset(STUDY, "2.25.1000.9", "2.25.1000.9.1")))


async def switch_by_hand(rig: Rig, from_pacs: str, to_pacs: str) -> None:
    """As the command line does it, in another process."""
    cause = TransitionCause.MANUAL_FAILBACK if to_pacs == "main" else TransitionCause.MANUAL_FAILOVER
    await rig.directory.record_transition(
        Transition(rig.clock.now(), "east", "main", from_pacs, to_pacs, cause, "operator")
    )
    await rig.tracker.refresh("east")


async def test_follows_what_another_process_switches(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    await rig.group()
    await switch_by_hand(rig, "main", "attic")
    assert await rig.active() == "attic"
    assert await find(rig) == 1
    assert rig.pacs["attic"].calls["find"] == 1
    rig.clock.advance(1000)
    rig.tracker.observe("east", "main", "echo", None)
    rig.clock.advance(1000)
    rig.tracker.observe("east", "main", "echo", None)
    assert await rig.active() == "attic"
    await switch_by_hand(rig, "attic", "main")
    assert await rig.active() == "main"
    assert rig.telemetry.failovers == [("east", "main", "manual-failover"), ("east", "main", "manual-failback")]
    await rig.tracker.refresh("east")
    assert len(rig.telemetry.failovers) == 2


async def test_of_two_servers_that_switch_at_once_one_records(rig: Rig) -> None:
    await rig.group()
    other = FailoverTracker(rig.directory, rig.clock, RecordingTelemetry())
    await other.load("east", [rig.tracker._groups["east", "main"].group])
    for tracker in (rig.tracker, other):
        for _ in range(3):
            tracker.observe("east", "main", "find", REFUSED)
    await asyncio.gather(rig.tracker.settle(), other.settle())
    assert rig.tracker.active("east", "main") == other.active("east", "main") == "spare"
    assert len(await rig.directory.list_transitions("east", "main", 10)) == 1


async def test_begins_where_the_last_server_ended(rig: Rig) -> None:
    await rig.directory.record_transition(
        Transition(START, "east", "main", "main", "spare", TransitionCause.AUTOMATIC_FAILOVER, "PACS_TIMEOUT")
    )
    assert await find(rig) == 1
    assert rig.pacs["spare"].calls["find"] == 1
    assert rig.telemetry.failovers == []
    assert list(await rig.directory.list_active("east")) == [ActivePacs("east", "main", "spare", START, by_hand=False)]


async def test_the_primary_works_again_when_the_active_backup_is_deleted(rig: Rig) -> None:
    await rig.group()
    await switch_by_hand(rig, "main", "spare")
    await rig.directory.delete_pacs("east", "spare")
    await rig.clients.refresh("east")
    assert await rig.active() == "main"
    assert await find(rig) == 1
    assert rig.pacs["spare"].closed
    assert rig.pacs["main"].calls["find"] == 1


async def test_a_changed_policy_reconnects_nobody(rig: Rig) -> None:
    await rig.group()
    await set_policy(rig, FailoverPolicy(threshold=1))
    assert not any(pacs.closed for pacs in rig.pacs.values())
    rig.refuse("main")
    await find(rig)
    assert await rig.active() == "spare"
