"""What trust costs: warm answers with audit, rights, limits, metrics and traces, against the server without them."""

import asyncio
from pathlib import Path
from statistics import median

from tests.bench.load import run_wrk
from tests.bench.rounds import typical_ratio
from tests.bench.scenarios import RESOURCES, Resource, make_ready
from tests.bench.servers import UNGUARDED, Radgate, radgate_for
from tests.bench.table import Row
from tests.bench.trace_sink import trace_sink
from tests.integration.orthanc import OrthancServer

COMPARED = ("QIDO studies", "frames of 512 KiB")
_PLENTY = str(10**12)
_LIMITS = {
    f"RADGATE_LIMITS__{whose}__{name}": _PLENTY
    for whose in ("TENANT", "KEY")
    for name in ("REQUESTS_PER_SECOND", "CONCURRENT_REQUESTS", "BYTES_PER_SECOND", "DAILY_REQUESTS", "DAILY_BYTES")
}
"""Every limit is looked at, and none is reached."""


async def trust(orthanc: OrthancServer, folder: Path, seconds: int, rounds: int) -> list[Row]:
    """QIDO and frames through Envoy, 16 connections, in turn; traces of the usual share go where nobody reads."""
    with trace_sink() as url:
        tracing = {"RADGATE_TELEMETRY__TRACING_ENABLED": "true", "RADGATE_TELEMETRY__OTLP_ENDPOINT": url}
        with (
            radgate_for(orthanc, folder / "guarded", **_LIMITS, **tracing) as guarded,
            radgate_for(orthanc, folder / "unguarded", program=UNGUARDED) as unguarded,
        ):
            wanted = [resource for resource in RESOURCES if resource.name in COMPARED]
            return [
                await asyncio.to_thread(_compare, guarded, unguarded, resource, seconds, rounds) for resource in wanted
            ]


def _compare(guarded: Radgate, unguarded: Radgate, resource: Resource, seconds: int, rounds: int) -> Row:
    rates: dict[int, list[float]] = {}
    for radgate in (guarded, unguarded):
        make_ready(radgate, resource)
    for _ in range(rounds):
        for radgate in (guarded, unguarded):
            load = run_wrk(radgate.http_port, resource.paths, resource.headers(radgate), seconds=seconds)
            if load.failed:
                raise RuntimeError(f"{resource.name}: {load.failed} failed")
            rates.setdefault(radgate.http_port, []).append(load.per_second)
    ours, theirs = rates[guarded.http_port], rates[unguarded.http_port]
    what = f"{resource.name}, warm, 16 connections, with audit, rights, limits, metrics and traces"
    return Row(what, f"{median(ours):,.0f} /s", f"without {median(theirs):,.0f} /s", typical_ratio(ours, theirs), None)
