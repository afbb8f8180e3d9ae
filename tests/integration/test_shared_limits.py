"""Servers that share their limits by a real Redis."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, suppress

import pytest

from radgate_server.adapters.clock import SystemClock
from radgate_server.adapters.limits.redis import RedisMeters, meters, open_redis_meters
from radgate_server.core.access.tenancy import Caller, Principal, Role
from radgate_server.core.errors import ConcurrencyExceededError, ConfigurationError, RateExceededError
from radgate_server.core.limits.model import Limits, LimitSubject
from radgate_server.core.limits.ports import SharedUse
from radgate_server.services.limits.limiter import Lease, Limiter
from radgate_server.services.limits.sharing import LimitSharing
from radgate_server.settings.limits import LimitSettings
from tests.fakes.limits import RecordingLimitTelemetry
from tests.integration.redis_server import RedisServer, running_redis

EAST = LimitSubject("east")
INTERVAL_S = 0.05
SOMEBODY = LimitSubject("east", "oidc:hospital:anna.example")


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
async def servers(redis: RedisServer) -> AsyncIterator[list[RedisMeters]]:
    async with AsyncExitStack() as stack:
        servers = [open_redis_meters(redis.url) for _ in range(2)]
        for server in servers:
            stack.push_async_callback(server.close)
        yield servers


def use(subject: LimitSubject, *, requests: float = 0, size: float = 0, running: int = 0, wanted: int = 0) -> SharedUse:
    return SharedUse(subject, 0.001, 100, requests, 100_000, size, running, wanted, 5)


async def test_what_one_took_the_other_lacks(servers: list[RedisMeters]) -> None:
    one, other = servers
    subject = LimitSubject("taking", "key")
    [first] = await one.exchange([use(subject, requests=30, size=400_000, running=2)])
    assert first.requests == pytest.approx(70, abs=0.1)
    assert first.bytes == pytest.approx(-300_000, abs=1)
    [second] = await other.exchange([use(subject, requests=90, running=1, wanted=9)])
    assert second.requests == pytest.approx(-20, abs=0.1)
    assert -300_000 < second.bytes <= 100_000
    assert (first.granted, second.granted) == (0, 2)
    [third] = await one.exchange([use(subject, running=2, wanted=1)])
    [fourth] = await other.exchange([use(subject, running=0)])
    [fifth] = await one.exchange([use(subject, running=2, wanted=9)])
    assert [each.granted for each in (third, fourth, fifth)] == [0, 0, 3]


async def test_a_killed_servers_slots_are_free_soon(
    servers: list[RedisMeters], monkeypatch: pytest.MonkeyPatch
) -> None:
    killed, other = servers
    subject = LimitSubject("killed", "key")
    [held] = await killed.exchange([use(subject, wanted=4)])
    [denied] = await other.exchange([use(subject, wanted=4)])
    monkeypatch.setattr(meters, "GONE_S", 0.0)
    [granted] = await other.exchange([use(subject, running=1, wanted=4)])
    assert [each.granted for each in (held, denied, granted)] == [4, 1, 4]


async def test_many_subjects_go_in_one_journey_and_no_name_of_a_person_is_kept(
    servers: list[RedisMeters], redis: RedisServer
) -> None:
    states = await servers[0].exchange([use(EAST, requests=1), use(SOMEBODY, requests=2)])
    assert [round(state.requests) for state in states] == [99, 98]
    keys = await servers[0]._client.keys("*")
    assert b"radgate:limits:east:" in keys
    assert not any(b"anna" in key for key in keys)


class Server:
    """What one server admits."""

    def __init__(self, redis: RedisServer, tenant_id: str, limits: Limits) -> None:
        self.tenant_id = tenant_id
        self.telemetry = RecordingLimitTelemetry()
        self.limiter = Limiter(LimitSettings(), SystemClock(), self.telemetry)
        self.limiter.load({LimitSubject(tenant_id): limits})
        shared = open_redis_meters(redis.url)
        self.sharing = LimitSharing(self.limiter, shared, SystemClock(), self.telemetry, interval_s=INTERVAL_S)
        self.caller = Caller(Principal("key", (tenant_id,), Role.VIEWER), tenant_id, "", "", "")

    def let_in(self, most: int) -> int:
        """How many of so many requests are admitted."""
        for number in range(most):
            try:
                self.limiter.enter(self.caller)
            except RateExceededError:
                return number
        return most


async def test_two_servers_keep_one_limit_and_go_on_alone_while_redis_is_away(redis: RedisServer) -> None:
    one, other = (Server(redis, "hasty", Limits(requests_per_second=0.01, burst_requests=10)) for _ in range(2))
    assert (one.let_in(6), other.let_in(1)) == (6, 1)
    for server in (one, other, one):
        await server.sharing.look()
    assert (one.let_in(100), other.let_in(100)) == (3, 3)
    redis.stop()
    for server in (one, other):
        await server.sharing.look()
        assert server.telemetry.shared[-1] is False
        assert server.let_in(1) == 0  # its own count continues
    redis.start()
    for server in (one, other):
        await server.sharing.look()
        assert server.telemetry.shared[-1] is True
        await server.sharing.close()


@pytest.fixture
async def busy(redis: RedisServer) -> AsyncIterator[list[Server]]:
    servers = [Server(redis, "busy", Limits(concurrent_requests=6)) for _ in range(2)]
    for server in servers:
        server.sharing.start()
    yield servers
    for server in servers:
        await server.sharing.close()


async def burst(servers: list[Server], count: int) -> list[Lease]:
    """Those of so many requests at each server, all at once, that are admitted."""
    tries = [server.limiter.enter_when_reserved(server.caller) for server in servers for _ in range(count)]
    answers = await asyncio.gather(*tries, return_exceptions=True)
    assert {type(answer) for answer in answers} <= {Lease, ConcurrencyExceededError}
    return [answer for answer in answers if isinstance(answer, Lease)]


async def test_of_a_burst_at_two_servers_as_many_run_as_may(busy: list[Server]) -> None:
    for _ in range(5):
        leases = await burst(busy, 50)
        assert len(leases) == 6
        for lease in leases:
            lease.leave()


async def test_never_more_run_than_may_however_short_they_are(busy: list[Server]) -> None:
    """What one server gives back the other takes, a thousand times."""
    running = Counter[str]()

    async def request(server: Server) -> None:
        lease = await server.limiter.enter_when_reserved(server.caller)
        assert lease
        running["now"] += 1
        running["most"] = max(running.values())
        await asyncio.sleep(0.001)
        running["now"] -= 1
        lease.leave()

    async def client(number: int) -> None:
        for turn in range(20):
            with suppress(ConcurrencyExceededError):
                await request(busy[(number + turn) % 2])

    await asyncio.gather(*map(client, range(10)))
    assert running["most"] == 6


async def test_a_redis_that_hangs_holds_requests_up_once_for_a_second(redis: RedisServer) -> None:
    server = Server(redis, "hung", Limits(concurrent_requests=6))
    assert redis.process is not None
    redis.process.send_signal(signal.SIGSTOP)
    try:
        assert len(await burst([server], 50)) == 6
        assert server.telemetry.shared == [False]
    finally:
        redis.process.send_signal(signal.SIGCONT)
    await server.sharing.close()


async def test_slots_that_one_server_leaves_the_other_has(busy: list[Server]) -> None:
    one, other = busy
    for lease in await burst([one], 6):
        lease.leave()
    assert len(await burst([other], 6)) == 6


def test_a_url_that_is_none_stops_the_start() -> None:
    with pytest.raises(ConfigurationError, match="must look like redis://"):
        open_redis_meters("localhost:6379")
