"""Searches beside many cold studies at a PACS of few associations."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

import httpx

from tests.bench.scenarios import upload
from tests.bench.servers import PACS, TENANT, Radgate, radgate_for
from tests.bench.table import Row
from tests.fakes.instances import make_instance
from tests.integration.orthanc import OrthancServer

STUDIES = 200
ASSOCIATIONS = 5
_SLICES = 8
_TARGET_S = 1.0


async def crowd(orthanc: OrthancServer, folder: Path) -> list[Row]:
    """Ask for 200 studies at once, of which nothing is cached, and search as long as they come."""
    await asyncio.to_thread(upload, orthanc, _instances())
    with radgate_for(orthanc, folder / "radgate", RADGATE_CACHE__QUERY_TTL_S="0") as radgate:
        radgate.command(
            "pacs", "update", "dimse", "--tenant", TENANT, "--name", PACS, "--max-associations", str(ASSOCIATIONS)
        )
        async with _client(radgate) as client:
            searches, first_bytes = await _searches_beside_retrieves(client)
    p95_s = quantiles(searches, n=20)[-1]
    what = f"search beside {STUDIES} cold studies, PACS of {ASSOCIATIONS} associations, 95th percentile"
    reported = f"{p95_s:.2f} s of {len(searches)}; first bytes of the studies {median(first_bytes):.1f} s at the median"
    return [Row(what, reported, f"{_TARGET_S:g} s allowed", _TARGET_S / p95_s, 1)]


async def _searches_beside_retrieves(client: httpx.AsyncClient) -> tuple[list[float], list[float]]:
    """Seconds that each search took, and each study's first byte."""
    searches: list[float] = []
    await _search(client, 0)  # the association is open
    retrieves = asyncio.gather(*(_retrieve(client, number) for number in range(STUDIES)))
    while not retrieves.done():
        searches.append(await _search(client, len(searches)))
        await asyncio.sleep(0.05)
    return searches, await retrieves


async def _retrieve(client: httpx.AsyncClient, number: int) -> float:
    start_s = time.perf_counter()
    async with client.stream("GET", f"/dicom-web/studies/{_study(number)}") as answer:
        answer.raise_for_status()
        pieces = answer.aiter_raw()
        await anext(pieces)
        first_s = time.perf_counter() - start_s
        async for _ in pieces:
            continue
    return first_s


async def _search(client: httpx.AsyncClient, number: int) -> float:
    start_s = time.perf_counter()
    answer = await client.get(f"/dicom-web/studies?PatientID=CROWD-{number % STUDIES}")
    answer.raise_for_status()
    if "warning" in answer.headers or len(answer.json()) != 1:
        raise RuntimeError(f"search: {len(answer.json())} found")
    return time.perf_counter() - start_s


def _client(radgate: Radgate) -> httpx.AsyncClient:
    headers = dict([radgate.authorization])
    limits = httpx.Limits(max_connections=None)
    url = f"http://127.0.0.1:{radgate.http_port}"
    return httpx.AsyncClient(base_url=url, headers=headers, limits=limits, timeout=120, trust_env=False)


def _instances() -> Iterator[bytes]:
    for number in range(STUDIES):
        study = _study(number)
        for slice_number in range(1, _SLICES + 1):
            yield make_instance(
                study,
                f"{study}.1",
                f"{study}.1.{slice_number}",
                rows=256,
                columns=256,
                number=slice_number,
                PatientID=f"CROWD-{number}",
            )


def _study(number: int) -> str:
    return f"2.25.7703{number:03}"
