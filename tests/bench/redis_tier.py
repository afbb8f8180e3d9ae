"""Frames of 512 KiB that a server has neither in its memory nor takes from its disk: Redis has them.

64 clients over gRPC, without Envoy, ask each again as soon as they are answered, in turn with the bare limit; then at
half of the rate that this gives. Clients, Redis and servers share the machine.
"""

import asyncio
from pathlib import Path
from statistics import median

from tests.bench.bare import record
from tests.bench.frame_server import FRAMES, METHOD, Asked, FrameServer, serving_frames
from tests.bench.processor import processor_s
from tests.bench.rounds import typical_ratio
from tests.bench.servers import bare_server
from tests.bench.table import Row
from tests.e2e.radgate_process import RadgateProcess
from tests.integration.orthanc import OrthancServer
from tests.integration.redis_server import RedisServer, running_redis

CLIENTS = 64
ALLOWED_S = 0.05
_SHARE = 0.5
"""Of the highest rate, when clients do not wait for answers."""


async def redis_tier(orthanc: OrthancServer, folder: Path, seconds: int, rounds: int) -> list[Row]:
    """Let a server without memory for answers share them by Redis."""
    return await asyncio.to_thread(_measured, orthanc, folder, seconds, rounds)


def _measured(orthanc: OrthancServer, folder: Path, seconds: int, rounds: int) -> list[Row]:
    with running_redis() as redis:
        settings = {
            "RADGATE_CACHE__HOT_BYTES": "0",
            "RADGATE_CACHE__REDIS__URL": redis.url,
            "RADGATE_CACHE__REDIS__TIMEOUT_S": "5",  # all wait in one queue for the processors, Redis too
        }
        with serving_frames(orthanc, folder / "server", settings) as process:
            recording, server = folder / "recording.pickle", FrameServer.of(process)
            record(
                server.port, [(METHOD, request) for request in FRAMES.requests[:CLIENTS]], server.metadata, recording
            )
            with bare_server(recording) as bare:
                return _compare(process, FrameServer.bare(bare), redis, seconds, rounds)


def _compare(process: RadgateProcess, bare: FrameServer, redis: RedisServer, seconds: int, rounds: int) -> list[Row]:
    server = FrameServer.of(process)
    assert redis.process is not None
    ours, theirs, of_redis_s, calm = list[Asked](), list[Asked](), list[float](), list[Asked]()
    hits_before, answers = _hits(process), 0
    for _ in range(rounds):
        redis_before_s = processor_s(redis.process.pid).total()
        ours.append(server.ask(CLIENTS, seconds))
        answered = len(ours[-1].load.latencies_s)
        of_redis_s.append((processor_s(redis.process.pid).total() - redis_before_s) / answered)
        theirs.append(bare.ask(CLIENTS, seconds))
        calm.append(server.ask(CLIENTS, seconds, _SHARE * ours[-1].load.per_second))
        answers += answered + len(calm[-1].load.latencies_s)
    if (hits := _hits(process) - hits_before) < 0.95 * answers:  # two who ask for one at once get one of Redis
        raise RuntimeError(f"Redis gave {hits:.0f} of {answers} answers")
    return _rows(ours, theirs, calm, median(of_redis_s))


def _hits(process: RadgateProcess) -> float:
    return process.metric("radgate_cache_lookups_total", tier="redis", result="hit")


def _rows(ours: list[Asked], theirs: list[Asked], calm: list[Asked], of_redis_s: float) -> list[Row]:
    rate, bare_rate = ([one.load.per_second for one in asked] for asked in (ours, theirs))
    spent_s, bare_spent_s = ([one.processor_s for one in asked] for asked in (ours, theirs))
    waited_s, bare_waited_s, calm_s = (median(one.load.median_s for one in asked) for asked in (ours, theirs, calm))
    allowed = f"{ALLOWED_S * 1e3:.0f} ms allowed"
    share = f"{typical_ratio(rate, bare_rate):.2f} of {median(bare_rate):,.0f} /s, {bare_waited_s * 1e3:.0f} ms"
    return [
        Row(
            f"frame of 512 KiB from Redis by gRPC, {CLIENTS} clients, median",
            f"{waited_s * 1e3:.0f} ms, {median(rate):,.0f} /s",
            allowed,
            ALLOWED_S / waited_s,
            1.0,
            share,
        ),
        Row(
            "... when they ask at half of that rate",
            f"{calm_s * 1e3:.1f} ms, {median(one.load.per_second for one in calm):,.0f} /s",
            allowed,
            ALLOWED_S / calm_s,
            1.0,
        ),
        Row(
            "... its processor time",
            f"{median(spent_s) * 1e3:.2f} ms, and {of_redis_s * 1e3:.2f} ms of Redis",
            f"bare server {median(bare_spent_s) * 1e3:.2f} ms",
            typical_ratio(bare_spent_s, spent_s),
            None,
        ),
    ]
