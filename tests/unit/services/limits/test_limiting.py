import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from radgate_server.core.access.tenancy import Caller, Principal, Role
from radgate_server.core.errors import (
    ClientAddressNotAllowedError,
    ConcurrencyExceededError,
    LimitError,
    QuotaExceededError,
    RateExceededError,
)
from radgate_server.core.limits.meters import Used
from radgate_server.core.limits.model import Limits, LimitSubject, read_networks
from radgate_server.core.limits.ports import SharedState
from radgate_server.services.limits.limiter import Lease, Limiter, NotReservedError
from radgate_server.services.limits.sharing import LimitSharing
from radgate_server.services.limits.usage import UsageRecorder
from radgate_server.settings.limits import KeyLimits, LimitSettings, TenantLimits
from tests.fakes.clock import START, FakeClock
from tests.fakes.limits import MemoryLedger, RecordingLimitTelemetry, ScriptedMeters

EAST, KEY = LimitSubject("east"), LimitSubject("east", "one")
DAY = START.toordinal()


def caller(key_id: str = "one", tenant_id: str = "east", address: str = "10.0.0.1") -> Caller:
    return Caller(Principal(key_id, (tenant_id,), Role.VIEWER), tenant_id, address, "", "")


async def send(count: int, lease: Lease) -> None:
    """Wait until so many bytes may go."""
    if (wait := lease.pass_bytes(count)) is not None:
        await wait


@dataclass
class LimitedServer:
    """A limiter over a clock that a test moves."""

    settings: LimitSettings = field(default_factory=LimitSettings)
    longest_wait_s: float = 150

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.telemetry = RecordingLimitTelemetry()
        self.naps: list[float] = []
        self.leaves = False
        self.limiter = Limiter(
            self.settings, self.clock, self.telemetry, longest_wait_s=self.longest_wait_s, sleep=self.nap
        )

    async def nap(self, seconds: float) -> None:
        if self.leaves:
            raise asyncio.CancelledError
        self.naps.append(seconds)

    def sharing(self, meters: ScriptedMeters) -> LimitSharing:
        return LimitSharing(self.limiter, meters, self.clock, self.telemetry, interval_s=1, sleep=self.nap)

    def keeper(self, ledger: MemoryLedger) -> UsageRecorder:
        return UsageRecorder(self.limiter, ledger, self.clock, self.telemetry, interval_s=3600)


def test_without_limits_nothing_is_counted() -> None:
    endpoint = LimitedServer()
    assert endpoint.limiter.enter(caller()) is None
    assert endpoint.limiter.meters() == []


def test_a_key_and_its_tenant_each_have_limits_and_what_is_refused_uses_up_neither() -> None:
    endpoint = LimitedServer(
        LimitSettings(
            tenant=TenantLimits(requests_per_second=3), key=KeyLimits(requests_per_second=1, burst_requests=2)
        )
    )
    for _ in range(2):
        assert endpoint.limiter.enter(caller())
    for _ in range(5):
        with pytest.raises(RateExceededError, match="this key") as refused:
            endpoint.limiter.enter(caller())
    assert refused.value.retry_after_s == 1
    assert endpoint.limiter.enter(caller("two"))
    with pytest.raises(RateExceededError, match="this tenant"):
        endpoint.limiter.enter(caller("two"))
    assert endpoint.limiter.enter(caller("two", "west"))
    assert endpoint.telemetry.refusals == [("east", "RATE_EXCEEDED")] * 6


def test_a_change_holds_at_once_and_forgets_nothing_that_runs() -> None:
    endpoint = LimitedServer()
    assert endpoint.limiter.enter(caller()) is None
    endpoint.limiter.load({KEY: Limits(concurrent_requests=2)})
    lease = endpoint.limiter.enter(caller())
    assert lease
    endpoint.limiter.load({KEY: Limits(concurrent_requests=1)})
    with pytest.raises(ConcurrencyExceededError):
        endpoint.limiter.enter(caller())
    lease.leave()
    assert endpoint.limiter.enter(caller())
    endpoint.limiter.load({})
    assert endpoint.limiter.enter(caller()) is None


def test_who_comes_from_elsewhere_is_informed_nothing_of_the_lists() -> None:
    endpoint = LimitedServer()
    endpoint.limiter.load({EAST: Limits(allowed_networks=read_networks(["10.0.0.0/8"], ""))})
    assert endpoint.limiter.enter(caller())
    for address in ("192.0.2.1", ""):
        with pytest.raises(ClientAddressNotAllowedError) as refused:
            endpoint.limiter.enter(caller(address=address))
        assert "10.0" not in refused.value.message
        assert refused.value.details == {}
    endpoint.limiter.load({EAST: Limits(denied_networks=read_networks(["10.0.0.0/8"], ""))})
    with pytest.raises(ClientAddressNotAllowedError):
        endpoint.limiter.enter(caller())
    assert endpoint.limiter.enter(caller(address="192.0.2.1"))


async def test_bytes_wait_for_key_and_tenant_whichever_takes_longer() -> None:
    endpoint = LimitedServer()
    endpoint.limiter.load({KEY: Limits(bytes_per_second=100_000), EAST: Limits(bytes_per_second=200_000)})
    lease = endpoint.limiter.enter(caller())
    assert lease
    await send(100_000, lease)
    await send(50_000, lease)
    other = endpoint.limiter.enter(caller("two"))
    assert other
    await send(150_000, other)
    assert endpoint.naps == [0.5, 0.5]
    assert endpoint.telemetry.delays == [("east", 0.5), ("east", 0.5)]


async def test_bytes_that_nobody_waits_for_any_more_are_given_back() -> None:
    endpoint = LimitedServer()
    endpoint.limiter.load({KEY: Limits(bytes_per_second=100_000), EAST: Limits(bytes_per_second=100_000)})
    lease = endpoint.limiter.enter(caller())
    assert lease
    await send(100_000, lease)
    endpoint.leaves = True
    for _ in range(50):
        with pytest.raises(asyncio.CancelledError):
            await send(500_000, lease)
    endpoint.leaves = False
    endpoint.naps.clear()
    await send(50_000, lease)
    assert endpoint.naps == [0.5]


async def test_no_stream_is_silent_for_longer_than_it_may_and_who_comes_then_is_informed_when() -> None:
    endpoint = LimitedServer(LimitSettings(tenant=TenantLimits(bytes_per_second=65536)), longest_wait_s=150)
    leases = [endpoint.limiter.enter(caller()) for _ in range(20)]
    for lease in leases:
        assert lease
        await send(1 << 20, lease)
    assert endpoint.naps[:3] == [15, 31, 47]
    assert max(endpoint.naps) == 150
    assert endpoint.telemetry.delays == [("east", seconds) for seconds in endpoint.naps]
    with pytest.raises(RateExceededError, match="already waits as long as it may") as refused:
        endpoint.limiter.enter(caller("two"))
    assert (refused.value.details["policy"], refused.value.retry_after_s) == ("bandwidth", 20 * 16 - 1 - 150)
    endpoint.clock.advance(refused.value.retry_after_s or 0)
    assert endpoint.limiter.enter(caller("two"))


async def test_an_upload_is_read_as_fast_as_it_may_come() -> None:
    endpoint = LimitedServer()
    endpoint.limiter.load({KEY: Limits(bytes_per_second=100_000)})
    lease = endpoint.limiter.enter(caller())
    assert lease

    async def upload() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield bytes(100_000)

    assert [len(piece) async for piece in lease.pass_through(upload())] == [100_000] * 3
    assert endpoint.naps == [1, 2]


async def test_a_quota_outlives_the_server_and_is_one_for_all_of_them() -> None:
    ledger, first = MemoryLedger(), LimitedServer()
    limits = {EAST: Limits(daily_requests=3)}
    first.limiter.load(limits)
    keeper = first.keeper(ledger)
    await keeper.start()
    assert first.limiter.enter(caller())
    await keeper.close()
    assert ledger.days[DAY] == {EAST: Used(1, 0)}
    second = LimitedServer()
    second.limiter.load(limits)
    await second.keeper(ledger).start()
    assert second.limiter.enter(caller("two"))
    ledger.days[DAY][EAST] = Used(2, 0)  # a third server let one in
    other = second.keeper(ledger)
    await other.write()
    with pytest.raises(QuotaExceededError) as refused:
        second.limiter.enter(caller())
    assert refused.value.retry_after_s == 86_400
    second.clock.advance(86_400)
    assert second.limiter.enter(caller())


async def test_while_the_database_is_away_quotas_are_counted_here_and_written_later() -> None:
    ledger, endpoint = MemoryLedger(), LimitedServer()
    endpoint.limiter.load({EAST: Limits(daily_requests=2)})
    keeper = endpoint.keeper(ledger)
    await keeper.start()
    ledger.broken = True
    assert endpoint.limiter.enter(caller())
    await keeper.write()
    assert endpoint.limiter.enter(caller())
    with pytest.raises(QuotaExceededError):
        endpoint.limiter.enter(caller())
    ledger.broken = False
    await keeper.close()
    assert ledger.days[DAY] == {EAST: Used(2, 0)}
    assert endpoint.telemetry.written == [False, True]


async def servers_of(ledger: MemoryLedger, limits: Limits, count: int = 2) -> list[tuple[LimitedServer, UsageRecorder]]:
    """Servers that know of one another, with one ledger."""
    servers = []
    for _ in range(count):
        endpoint = LimitedServer()
        recorder = endpoint.keeper(ledger)
        endpoint.limiter.reserve_by(recorder.reserve)
        endpoint.limiter.load({EAST: limits})
        endpoint.limiter.share_quotas(count)
        await recorder._write(DAY)
        servers.append((endpoint, recorder))
    return servers


async def admitted(endpoint: LimitedServer, count: int) -> int:
    """How many of so many requests are."""
    answers = await asyncio.gather(
        *(endpoint.limiter.enter_when_reserved(caller()) for _ in range(count)), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert all(isinstance(error, QuotaExceededError) for error in refused)
    return count - len(refused)


async def test_a_burst_at_several_servers_is_within_the_quota() -> None:
    ledger = MemoryLedger()
    servers = await servers_of(ledger, Limits(daily_requests=300), 3)
    with pytest.raises(NotReservedError):
        servers[0][0].limiter.enter(caller())
    counts = await asyncio.gather(*(admitted(endpoint, 300) for endpoint, _ in servers))
    for _, recorder in servers:
        await recorder.close()
    left = 300 - ledger.days[DAY][EAST].requests
    assert sum(counts) == 300 - left
    assert await admitted(servers[0][0], left + 5) == left
    assert ledger.days[DAY] == {EAST: Used(300, 0)}


async def test_what_a_server_reserved_and_does_not_use_is_given_back() -> None:
    ledger = MemoryLedger()
    (first, keeper), (second, _) = await servers_of(ledger, Limits(daily_requests=40))
    assert await admitted(first, 6) == 6
    assert ledger.days[DAY][EAST].requests == 7  # 1, 2 and 4 at a time
    await keeper.write()
    assert ledger.days[DAY][EAST].requests == 7
    first.clock.advance(3601)
    await keeper.write()
    assert ledger.days[DAY][EAST].requests == 6
    assert await admitted(second, 40) == 34


async def test_a_server_that_is_alone_again_reserves_nothing() -> None:
    ledger = MemoryLedger()
    (first, keeper), _ = await servers_of(ledger, Limits(daily_requests=5))
    assert await admitted(first, 3) == 3
    first.limiter.share_quotas(1)
    await keeper.write()
    assert ledger.days[DAY] == {EAST: Used(3, 0)}
    assert first.limiter.enter(caller())
    assert await admitted(first, 3) == 1


async def test_while_the_database_is_away_each_server_goes_by_its_own_count() -> None:
    ledger = MemoryLedger()
    (first, keeper), (second, other) = await servers_of(ledger, Limits(daily_requests=4))
    assert await admitted(first, 1) == 1
    ledger.broken = True
    assert (await admitted(first, 9), await admitted(second, 9)) == (3, 4)
    ledger.broken = False
    await keeper.write()
    await other.write()
    assert ledger.days[DAY] == {EAST: Used(8, 0)}
    assert (await admitted(first, 1), await admitted(second, 1)) == (0, 0)


async def test_what_could_not_be_given_back_is_used_on() -> None:
    ledger = MemoryLedger()
    (first, keeper), _ = await servers_of(ledger, Limits(daily_requests=40))
    assert await admitted(first, 2) == 2
    first.clock.advance(3601)
    ledger.broken = True
    await keeper.write()
    assert first.limiter.enter(caller())
    assert ledger.days[DAY] == {EAST: Used(3, 0)}


async def test_the_next_day_nothing_of_the_day_before_is_left() -> None:
    ledger = MemoryLedger()
    (first, _), _ = await servers_of(ledger, Limits(daily_requests=40))
    assert await admitted(first, 2) == 2
    first.clock.advance(86_400)
    with pytest.raises(NotReservedError):
        first.limiter.enter(caller())
    assert await admitted(first, 1) == 1
    assert ledger.days[DAY + 1] == {EAST: Used(1, 0)}


async def test_what_others_took_counts_here() -> None:
    endpoint = LimitedServer()
    endpoint.limiter.load({KEY: Limits(requests_per_second=10)})
    assert endpoint.limiter.enter(caller())
    meters = ScriptedMeters(SharedState(requests=-4, bytes=0, granted=0))
    sharing = endpoint.sharing(meters)
    await sharing.look()
    assert meters.reported == [(KEY, 10, 10, 1, 0, 0, 1, 0, 0)]
    with pytest.raises(RateExceededError) as refused:
        endpoint.limiter.enter(caller())
    assert refused.value.retry_after_s == 0.5
    endpoint.clock.advance(1)
    assert endpoint.limiter.enter(caller())
    await sharing.close()
    assert meters.closed


async def test_a_request_waits_for_a_slot_and_uses_those_that_this_server_still_holds() -> None:
    endpoint = LimitedServer()
    endpoint.limiter.load({KEY: Limits(concurrent_requests=3)})
    meters = ScriptedMeters(SharedState(requests=0, bytes=0, granted=1))
    sharing = endpoint.sharing(meters)
    with pytest.raises(NotReservedError):
        endpoint.limiter.enter(caller())
    first = await endpoint.limiter.enter_when_reserved(caller())
    assert first
    assert (meters.reported[0].running, meters.reported[0].wanted, meters.reported[0].most) == (0, 1, 3)
    first.leave()
    again = endpoint.limiter.enter(caller())
    assert again
    assert len(meters.reported) == 1
    again.leave()
    meters.state = SharedState(requests=0, bytes=0, granted=0)
    await sharing.look()  # gives back what is not used
    with pytest.raises(NotReservedError):
        endpoint.limiter.enter(caller())


async def test_who_finds_no_slot_asks_once_more_and_is_refused() -> None:
    endpoint = LimitedServer()
    endpoint.limiter.load({KEY: Limits(concurrent_requests=3)})
    meters = ScriptedMeters(SharedState(requests=0, bytes=0, granted=0))
    endpoint.sharing(meters)
    tries = [endpoint.limiter.enter_when_reserved(caller()) for _ in range(50)]
    answers = await asyncio.gather(*tries, return_exceptions=True)
    assert {type(answer) for answer in answers} == {ConcurrencyExceededError}
    assert endpoint.telemetry.refusals == [("east", "CONCURRENCY_EXCEEDED")] * 50
    assert [use.wanted for use in meters.reported] == [50, 3]
    assert endpoint.naps == [1.5] * 3


async def test_many_share_a_round_trip_and_the_granted_slots() -> None:
    endpoint = LimitedServer()
    endpoint.limiter.load({KEY: Limits(concurrent_requests=9)})
    meters = ScriptedMeters(SharedState(requests=0, bytes=0, granted=4))
    endpoint.sharing(meters)
    admitted = await asyncio.gather(*(endpoint.limiter.enter_when_reserved(caller()) for _ in range(4)))
    assert all(admitted)
    assert [use.wanted for use in meters.reported] == [4]


async def test_while_redis_is_away_each_server_goes_by_its_own_count() -> None:
    endpoint = LimitedServer()
    endpoint.limiter.load({KEY: Limits(requests_per_second=9, concurrent_requests=2)})
    meters = ScriptedMeters(ConnectionError("Redis is away"))
    sharing = endpoint.sharing(meters)
    assert await endpoint.limiter.enter_when_reserved(caller())
    assert len(meters.reported) == 1
    assert endpoint.limiter.enter(caller())
    with pytest.raises(LimitError):
        endpoint.limiter.enter(caller())
    await sharing.look()
    with pytest.raises(ConcurrencyExceededError):
        endpoint.limiter.enter(caller())
    meters.state = SharedState(requests=9, bytes=0, granted=0)
    meters.reported.clear()
    await sharing.look()
    assert (meters.reported[0].requests, meters.reported[0].running) == (0, 2)
    assert endpoint.telemetry.shared == [False, False, True]


async def test_who_does_nothing_is_not_reported() -> None:
    endpoint = LimitedServer()
    limits = Limits(requests_per_second=1000, bytes_per_second=100_000)
    endpoint.limiter.load({LimitSubject("east", str(number)): limits for number in range(50)})
    for number in range(50):
        lease = endpoint.limiter.enter(caller(str(number)))
        assert lease
        lease.leave()
    busy = endpoint.limiter.enter(caller("7"))
    meters = ScriptedMeters(SharedState(requests=1000, bytes=100_000, granted=0))
    sharing = endpoint.sharing(meters)
    reported = []
    for seconds in (20, 40, 1):
        await sharing.look()
        reported.append([use.subject.key_id for use in meters.reported])
        meters.reported.clear()
        endpoint.clock.advance(seconds)
    assert busy
    assert [len(each) for each in reported] == [50, 50, 1]
    assert reported[-1] == ["7"]
    assert endpoint.limiter.enter(caller("8"))
    await sharing.look()
    assert {use.subject.key_id for use in meters.reported} == {"7", "8"}


async def test_nothing_is_reported_where_there_is_nothing_to_share() -> None:
    endpoint = LimitedServer()
    endpoint.limiter.load({KEY: Limits(daily_requests=2)})
    assert endpoint.limiter.enter(caller())
    meters = ScriptedMeters(ConnectionError("nobody asks"))
    await endpoint.sharing(meters).look()
    assert meters.reported == []
