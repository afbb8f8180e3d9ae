"""The health monitor: who is probed when, what is concluded, who is notified."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from radgate_server.core.access.tenancy import Tenant
from radgate_server.core.errors import (
    ConfigurationError,
    DatabaseUnavailableError,
    PacsBusyError,
    PacsCredentialsError,
    PacsUnreachableError,
)
from radgate_server.core.pacs.connections import FailoverPolicy, FolderConnection, PacsConfig
from radgate_server.core.pacs.health import BreakerState, Health, Liveness, OperationState, PacsStatus
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.pacs.failover.monitor import (
    AGAIN_S,
    PROBES_AT_ONCE,
    PUBLISH_INTERVALS,
    HealthListeners,
    PacsHealthMonitor,
)
from radgate_server.services.pacs.failover.tracker import FailoverTracker
from radgate_server.settings.pacs import PacsSettings
from tests.fakes.clock import START, FakeClock
from tests.fakes.directory import MemoryDirectory
from tests.fakes.memory_pacs import MemoryPacs
from tests.fakes.telemetry import RecordingTelemetry
from tests.fakes.waiting import settle, until

INTERVAL_S = 30.0
REFUSED = PacsUnreachableError("connection refused", pacs="main")


@dataclass
class FakeGuard:
    """Breakers that a test turns, and what the work at a PACS reports it."""

    breaker: BreakerState = BreakerState.CLOSED
    heard: Liveness = field(default_factory=Liveness)
    recovered: list[tuple[str, str]] = field(default_factory=list)

    def states(self, tenant_id: str, name: str) -> tuple[OperationState, ...]:
        return (OperationState("find", self.breaker, 0),)

    def liveness(self, tenant_id: str, name: str) -> Liveness:
        return self.heard

    def note_recovery(self, tenant_id: str, name: str) -> None:
        self.recovered.append((tenant_id, name))


class Rig:
    """Tenant east with main and its backup spare, tenant west with main; the clock stands still."""

    def __init__(self, *, probe_timeout_s: float = 10) -> None:
        self.clock = FakeClock()
        self.telemetry = RecordingTelemetry()
        self.directory = MemoryDirectory(self.clock.now)
        self.guard = FakeGuard()
        self.pacs: dict[tuple[str, str], MemoryPacs] = {}
        self.tracker = FailoverTracker(self.directory, self.clock, self.telemetry)
        self.clients = PacsClients(
            self.directory,
            {"folder": lambda config: self.pacs[config.tenant_id, config.name].client},
            tracker=self.tracker,
        )
        self.monitor = PacsHealthMonitor(
            self.directory,
            self.clients,
            HealthListeners(self.tracker, self.guard, self.directory),
            PacsSettings(probe_interval_s=INTERVAL_S, probe_timeout_s=probe_timeout_s),
            self.clock,
            self.telemetry,
            uniform=lambda low, high: (low + high) / 2,
        )

    async def add(self, tenant_id: str, name: str, backup_for: str = "") -> None:
        self.pacs[tenant_id, name] = MemoryPacs(name=name)
        policy = FailoverPolicy(threshold=3, failback_after_s=60)
        config = PacsConfig(tenant_id, name, FolderConnection("/unused"), START, backup_for, policy)
        await self.directory.create_pacs(config)
        await self.clients.refresh(tenant_id)

    async def look(self, after_s: float = 0.0) -> None:
        """Let time pass, and the monitor finish what is due then, reporting it."""
        self.clock.advance(after_s)
        await asyncio.gather(*await self.monitor.look())
        await self.tracker.settle()
        await asyncio.gather(*await self.monitor.look())

    def echoes(self) -> list[int]:
        return [pacs.calls["echo"] for pacs in self.pacs.values()]

    async def statuses(self) -> dict[str, PacsStatus]:
        return {status.name: status for status in await self.directory.list_statuses("east")}


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    for tenant_id in ("east", "west"):
        await rig.directory.create_tenant(Tenant(tenant_id, START))
    await rig.add("east", "main")
    await rig.add("east", "spare", "main")
    await rig.add("west", "main")
    yield rig
    await rig.monitor.close()
    await rig.clients.close()


async def test_probes_every_pacs_once_an_interval(rig: Rig) -> None:
    await rig.look()
    assert rig.echoes() == [0, 0, 0]
    await rig.look(1)
    assert rig.echoes() == [1, 1, 1]
    await rig.look(INTERVAL_S - 1)
    assert rig.echoes() == [1, 1, 1]
    await rig.look(1)
    assert rig.echoes() == [2, 2, 2]
    assert rig.telemetry.probes[:3] == [("east", "main", True), ("east", "spare", True), ("west", "main", True)]


async def test_reports_how_they_are_doing(rig: Rig) -> None:
    rig.pacs["east", "spare"].refuse_with = PacsCredentialsError("refused", pacs="spare")
    await rig.look()
    assert await rig.statuses() == {}
    await rig.look(1)
    operations = (OperationState("find", BreakerState.CLOSED, 0),)
    time = rig.clock.now()
    assert await rig.statuses() == {
        "main": PacsStatus("east", "main", time, Health.UP, 0.1, "", active=True, operations=operations),
        "spare": PacsStatus(
            "east", "spare", time, Health.DOWN, 0.0, "PACS_CREDENTIALS_REFUSED", active=False, operations=operations
        ),
    }


async def test_fails_over_soon_when_the_active_one_answers_no_more(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    await rig.look()
    await rig.look(1)
    rig.pacs["east", "main"].refuse_with = REFUSED
    await rig.look(INTERVAL_S)
    for _ in range(2):
        assert rig.tracker.active("east", "main") == "main"
        await rig.look(AGAIN_S)
    assert rig.tracker.active("east", "main") == "spare"
    assert rig.echoes() == [4, 2, 2]
    statuses = await rig.statuses()
    assert (statuses["main"].active, statuses["main"].health) == (False, Health.DOWN)
    assert statuses["spare"].active
    reported = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert reported == ["PACS main is down: connection refused", "another PACS of a group is active"]


async def test_comes_back_after_a_steady_time(rig: Rig) -> None:
    await rig.look()
    rig.pacs["east", "main"].refuse_with = REFUSED
    for _ in range(4):
        await rig.look(AGAIN_S)
    assert rig.tracker.active("east", "main") == "spare"
    rig.pacs["east", "main"].refuse_with = None
    for _ in range(2):
        await rig.look(INTERVAL_S)
        assert rig.tracker.active("east", "main") == "spare"
    await rig.look(INTERVAL_S)
    assert rig.tracker.active("east", "main") == "main"


async def test_breakers_that_opened_between_two_probes_are_reported_of_the_first_sign_of_life_within_seconds(
    rig: Rig,
) -> None:
    await rig.look()
    await rig.look(1)
    rig.guard.breaker = BreakerState.OPEN  # the PACS has failed meanwhile, and no probe has seen it
    await rig.look()
    await rig.look(AGAIN_S)
    assert sorted(rig.guard.recovered) == [("east", "main"), ("east", "spare"), ("west", "main")]
    echoes = rig.echoes()
    await rig.look(AGAIN_S)
    assert (rig.echoes(), len(rig.guard.recovered)) == (echoes, 3), "what failed since then is for the breaker's time"
    rig.guard.breaker = BreakerState.CLOSED
    await rig.look(INTERVAL_S)
    rig.guard.breaker = BreakerState.OPEN
    await rig.look()
    await rig.look(AGAIN_S)
    assert len(rig.guard.recovered) == 6


async def test_a_pacs_that_is_silent_is_down(rig: Rig) -> None:
    impatient = Rig(probe_timeout_s=0.01)
    await impatient.directory.create_tenant(Tenant("east", START))
    await impatient.add("east", "main")
    await impatient.look()
    impatient.pacs["east", "main"].silence()
    await impatient.look(1)
    assert (await impatient.statuses())["main"].reason == "PACS_TIMEOUT"


async def test_a_pacs_of_which_too_much_is_asked_is_not_down(rig: Rig) -> None:
    await rig.look()
    await rig.look(1)
    rig.pacs["east", "main"].refuse_with = PacsBusyError("busy", pacs="main")
    for _ in range(4):
        await rig.look(INTERVAL_S)
    assert (await rig.statuses())["main"].health is Health.UP
    assert rig.tracker.active("east", "main") == "main"


async def test_fails_over_when_there_is_no_place_for_a_probe_and_those_at_work_hear_nothing(rig: Rig) -> None:
    await rig.look()
    await rig.look(1)
    rig.pacs["east", "main"].refuse_with = PacsBusyError("busy", pacs="main")
    rig.guard.heard = Liveness(heard_at_s=1, silent_s=INTERVAL_S)
    await rig.look(INTERVAL_S)
    for _ in range(2):
        assert rig.tracker.active("east", "main") == "main"
        await rig.look(AGAIN_S)
    assert rig.tracker.active("east", "main") == "spare"
    assert (await rig.statuses())["main"].reason == "PACS_TIMEOUT"


async def test_what_those_at_work_hear_is_a_sign_of_life(rig: Rig) -> None:
    await rig.look()
    rig.pacs["east", "main"].refuse_with = REFUSED
    await rig.look(1)
    await rig.look(AGAIN_S)
    rig.pacs["east", "main"].refuse_with = PacsBusyError("busy", pacs="main")
    rig.guard.heard = Liveness(heard_at_s=rig.clock.monotonic_s() + AGAIN_S)
    rig.guard.breaker = BreakerState.OPEN
    await rig.look(AGAIN_S)
    assert (await rig.statuses())["main"].health is Health.UP
    assert ("east", "main") in rig.guard.recovered
    rig.guard.breaker = BreakerState.CLOSED
    rig.pacs["east", "main"].refuse_with = REFUSED
    for _ in range(2):
        await rig.look(INTERVAL_S)
    assert rig.tracker.active("east", "main") == "main"


async def test_publishes_what_changed_at_once_and_the_rest_now_and_then(rig: Rig) -> None:
    await rig.look()
    await rig.look(1)
    first = (await rig.statuses())["main"].time
    for _ in range(PUBLISH_INTERVALS - 1):
        await rig.look(INTERVAL_S)
    assert (await rig.statuses())["main"].time == first
    await rig.look(INTERVAL_S)
    assert (await rig.statuses())["main"].time == rig.clock.now()
    rig.guard.breaker = BreakerState.OPEN
    await rig.look(0.1)
    assert (await rig.statuses())["main"].time == rig.clock.now()


async def test_follows_what_is_configured(rig: Rig) -> None:
    await rig.look()
    await rig.look(1)
    await rig.directory.delete_tenant("west")
    await rig.clients.refresh("west")
    await rig.add("east", "third")
    await rig.look()
    await rig.look(1)
    assert rig.echoes() == [1, 1, 1, 1]
    await rig.look(INTERVAL_S)
    assert rig.echoes() == [2, 2, 1, 2]


async def test_a_pacs_that_is_configured_no_more_is_not_down_for_ever(rig: Rig) -> None:
    await rig.look()
    await rig.directory.delete_pacs("west", "main")
    await rig.clients.refresh("west")
    await rig.look(1)
    assert rig.telemetry.forgotten == [("west", "main")]


async def test_a_probe_that_takes_long_is_not_doubled_and_ends_with_the_monitor(rig: Rig) -> None:
    await rig.look()
    rig.pacs["west", "main"].silence()
    rig.clock.advance(1)
    (slow,) = [task for task in await rig.monitor.look() if not await _ended(task)]
    rig.clock.advance(INTERVAL_S + 5)
    again = await rig.monitor.look()
    assert len(again) == 2
    await asyncio.gather(*again)
    assert rig.echoes() == [2, 2, 1]
    await rig.monitor.close()
    assert slow.cancelled()


async def _ended(task: asyncio.Task[None]) -> bool:
    await settle()
    return task.done()


async def test_continues_when_the_database_was_away(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = asyncio.Queue[float]()

    async def away() -> list[Tenant]:
        raise DatabaseUnavailableError("the database can't be reached")

    async def sleep(seconds: float) -> None:
        looks.put_nowait(seconds)
        rig.clock.advance(seconds)
        if looks.qsize() == 4:
            monkeypatch.undo()
        await asyncio.sleep(0)

    monkeypatch.setattr(rig.directory, "list_tenants", away)
    rig.monitor._sleep = sleep
    rig.monitor.start()
    await until(lambda: rig.pacs["west", "main"].calls["echo"] > 0)
    assert looks.qsize() > 4


async def test_a_pacs_that_was_set_up_again_is_unknown_until_it_is_probed(rig: Rig) -> None:
    await rig.look()
    await rig.look(1)
    (config, *_) = await rig.directory.list_pacs("west")
    await rig.directory.update_pacs(replace(config, connection=FolderConnection("/elsewhere")))
    await rig.clients.refresh("west")
    await rig.look()
    await rig.look(1)
    assert rig.echoes() == [1, 1, 2]


async def test_a_tenant_whose_pacs_cant_be_read_hides_no_other_tenants(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    members = rig.clients.members

    async def unreadable(tenant_id: str) -> Sequence[PacsClient]:
        if tenant_id == "east":
            raise ConfigurationError("a password was sealed under another key")
        return await members(tenant_id)

    monkeypatch.setattr(rig.clients, "members", unreadable)
    await rig.look()
    await rig.look(1)
    assert rig.echoes() == [0, 0, 1]
    assert "can't be watched" in caplog.text


async def test_a_tenant_whose_pacs_are_all_silent_holds_up_no_other_tenants(rig: Rig) -> None:
    for number in range(PROBES_AT_ONCE):
        await rig.add("east", f"silent-{number}")
        rig.pacs["east", f"silent-{number}"].silence()
    await rig.add("west", "late")
    await rig.monitor.look()
    rig.clock.advance(1)
    await rig.monitor.look()
    await until(lambda: rig.pacs["west", "late"].calls["echo"] > 0)
    assert sum(rig.echoes()) < PROBES_AT_ONCE
