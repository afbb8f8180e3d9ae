"""Servers that share their limits by a real Redis."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from radgate_server.adapters.clock import SystemClock
from radgate_server.adapters.limits.redis import RedisMeters, open_redis_meters
from radgate_server.core.access.tenancy import Caller, Principal, Role
from radgate_server.core.errors import ConcurrencyExceededError, ConfigurationError, RateExceededError
from radgate_server.core.limits.model import Limits, LimitSubject
from radgate_server.core.limits.ports import SharedUse
from radgate_server.services.limits.limiter import Limiter
from radgate_server.services.limits.sharing import LimitSharing
from radgate_server.settings.limits import LimitSettings
from tests.fakes.limits import RecordingLimitTelemetry
from tests.integration.redis_server import RedisServer, running_redis

EAST = LimitSubject("east")
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


def use(subject: LimitSubject, *, requests: float = 0, size: float = 0, running: int = 0) -> SharedUse:
    return SharedUse(subject, 0.001, 100, requests, 100_000, size, running)


async def test_what_one_took_the_other_lacks(servers: list[RedisMeters]) -> None:
    one, other = servers
    subject = LimitSubject("taking", "key")
    [first] = await one.exchange([use(subject, requests=30, size=400_000, running=2)])
    assert first.requests == pytest.approx(70, abs=0.1)
    assert first.bytes == pytest.approx(-300_000, abs=1)
    [second] = await other.exchange([use(subject, requests=90, running=3)])
    assert second.requests == pytest.approx(-20, abs=0.1)
    assert -300_000 < second.bytes <= 100_000
    assert (first.elsewhere, second.elsewhere) == (0, 2)
    [third] = await one.exchange([use(subject, running=0)])
    assert third.elsewhere == 3


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
        meters = open_redis_meters(redis.url)
        self.sharing = LimitSharing(self.limiter, meters, SystemClock(), self.telemetry, interval_s=3600)

    def let_in(self, most: int) -> int:
        """How many of so many requests are admitted."""
        caller = Caller(Principal("key", (self.tenant_id,), Role.VIEWER), self.tenant_id, "", "", "")
        for number in range(most):
            try:
                self.limiter.enter(caller)
            except (RateExceededError, ConcurrencyExceededError):
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


async def test_places_are_shared_too(redis: RedisServer) -> None:
    one, other = (Server(redis, "busy", Limits(concurrent_requests=5)) for _ in range(2))
    assert (one.let_in(3), other.let_in(1)) == (3, 1)
    for server in (one, other):
        await server.sharing.look()
    assert other.let_in(100) == 1
    for server in (one, other):
        await server.sharing.close()


def test_a_url_that_is_none_stops_the_start() -> None:
    with pytest.raises(ConfigurationError, match="must look like redis://"):
        open_redis_meters("localhost:6379")
