import asyncio

import pytest

from radgate_server.core.errors import PacsBusyError, PacsTimeoutError, PacsUnreachableError
from radgate_server.core.pacs.health import Health, Liveness
from radgate_server.services.pacs.failover.probing import Finding, Prober
from tests.fakes.clock import FakeClock
from tests.fakes.memory_pacs import MemoryPacs

TIMEOUT_S = 10.0
BUSY = PacsBusyError("too much is being asked of the PACS", pacs="main")


class Bench:
    """A PACS, and what the work at it reports."""

    def __init__(self, liveness: Liveness, *, timeout_s: float = TIMEOUT_S) -> None:
        self.pacs = MemoryPacs(name="main")
        self.clock = FakeClock()
        self.clock.advance(100)
        self.asked: list[tuple[str, str]] = []
        self.liveness = liveness
        self.prober = Prober(self.liveness_of, timeout_s, self.clock)

    def liveness_of(self, tenant_id: str, name: str) -> Liveness:
        self.asked.append((tenant_id, name))
        return self.liveness

    async def probe(self) -> Finding:
        return await self.prober.probe("east", self.pacs.client)


async def test_an_answer_is_a_sign_of_life() -> None:
    bench = Bench(Liveness(silent_s=TIMEOUT_S))
    assert await bench.probe() == Finding(Health.UP, latency_ms=0.1)
    assert bench.asked == []


async def test_a_failure_is_reported() -> None:
    bench = Bench(Liveness(heard_at_s=200))
    bench.pacs.refuse_with = PacsUnreachableError("connection refused", pacs="main")
    assert await bench.probe() == Finding(Health.DOWN, bench.pacs.refuse_with)


async def test_silence_is_reported() -> None:
    bench = Bench(Liveness(heard_at_s=200), timeout_s=0.001)
    bench.pacs.silence()
    finding = await bench.probe()
    assert (finding.health, type(finding.error)) == (Health.DOWN, PacsTimeoutError)


@pytest.mark.parametrize(
    ("liveness", "health"),
    [
        (Liveness(heard_at_s=99, silent_s=1), Health.UNKNOWN),
        (Liveness(heard_at_s=100, silent_s=1), Health.UP),
    ],
)
async def test_without_a_place_those_at_work_are_asked(liveness: Liveness, health: Health) -> None:
    bench = Bench(liveness)
    bench.pacs.refuse_with = BUSY
    assert await bench.probe() == Finding(health)
    assert bench.asked == [("east", "main")]


async def test_without_a_place_the_silence_of_those_at_work_is_reported_like_its_own() -> None:
    bench = Bench(Liveness(heard_at_s=90, silent_s=TIMEOUT_S))
    bench.pacs.refuse_with = BUSY
    finding = await bench.probe()
    assert (finding.health, type(finding.error), finding.latency_ms) == (Health.DOWN, PacsTimeoutError, None)


async def test_a_probe_that_is_given_up_finds_nothing() -> None:
    bench = Bench(Liveness())
    bench.pacs.silence()
    probe = asyncio.create_task(bench.probe())
    await asyncio.sleep(0)
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
