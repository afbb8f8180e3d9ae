"""QIDO over several PACS of unlike speed, against the slowest of them alone."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import httpx

from tests.bench.images import CT_STUDIES, ct_instances
from tests.bench.servers import Radgate, radgate_for
from tests.bench.table import Row
from tests.integration.faulty_proxy import FaultyProxy
from tests.integration.orthanc import OrthancServer

LATENCIES_S = (0.0, 0.01, 0.025)
"""What the network adds to each answer of a PACS: one in the house, one in town, one far away."""

_REQUESTS = 60
_TOLERATED = 1.2


async def several_pacs(near: OrthancServer, folder: Path, rounds: int) -> list[Row]:
    """Ask three PACS together and the slowest alone, in turn, with nothing remembered."""
    with ExitStack() as stack:
        others = [stack.enter_context(OrthancServer(folder / f"orthanc-{number}")) for number in (2, 3)]
        for orthanc in others:
            for instance in ct_instances():
                orthanc.request("POST", "/instances", instance)
        proxies = [stack.enter_context(FaultyProxy(orthanc.dicom_port)) for orthanc in (near, *others)]
        for proxy, latency_s in zip(proxies, LATENCIES_S, strict=True):
            proxy.latency_s = latency_s
        radgate = stack.enter_context(radgate_for(near, folder / "radgate", RADGATE_CACHE__QUERY_TTL_S="0"))
        together = _add_tenant(radgate, "together", proxies)
        alone = _add_tenant(radgate, "alone", proxies[-1:])
        return await asyncio.to_thread(_compare, radgate, together, alone, rounds)


def _add_tenant(radgate: Radgate, tenant: str, proxies: Sequence[FaultyProxy]) -> str:
    """A tenant with a PACS behind each proxy; its key."""
    radgate.command("tenant", "create", tenant)
    for number, proxy in enumerate(proxies):
        place = ["--tenant", tenant, "--name", f"pacs-{number}", "--host", "127.0.0.1", "--port", str(proxy.port)]
        radgate.command("pacs", "add", "dimse", *place, "--called-aet", "ORTHANC", "--calling-aet", "RADGATE")
    return radgate.command("key", "create", "--tenant", tenant, "--role", "viewer").strip()


def _compare(radgate: Radgate, together: str, alone: str, rounds: int) -> list[Row]:
    took: dict[str, list[float]] = {together: [], alone: []}
    with httpx.Client(base_url=f"http://127.0.0.1:{radgate.http_port}", timeout=60) as client:
        for _ in range(rounds + 1):  # the first opens associations
            for key, times in took.items():
                times += [_ask(client, key) for _ in range(_REQUESTS)]
    three, one = (median(times[_REQUESTS:]) for times in took.values())
    return [
        Row(
            "QIDO over three PACS, nothing remembered",
            f"{three * 1000:.1f} ms",
            f"the slowest alone (25 ms away) {one * 1000:.1f} ms",
            one / three,
            round(1 / _TOLERATED, 2),
        )
    ]


def _ask(client: httpx.Client, key: str) -> float:
    start = time.perf_counter()
    answer = client.get("/dicom-web/studies?limit=100", headers={"authorization": f"Bearer {key}"})
    took = time.perf_counter() - start
    if answer.status_code != httpx.codes.OK or "warning" in answer.headers or len(answer.json()) < len(CT_STUDIES):
        raise RuntimeError(f"QIDO over several PACS: {answer.status_code}, {len(answer.content)} bytes")
    return took
