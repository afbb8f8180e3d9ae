"""QIDO over a worklist as archives have them: Orthanc takes longer the more studies it finds."""

import asyncio
from dataclasses import replace
from pathlib import Path

import httpx

from tests.bench.images import worklist_instances
from tests.bench.scenarios import RESOURCES, measure, upload
from tests.bench.servers import radgate_for
from tests.bench.table import Row
from tests.integration.orthanc import OrthancServer

STUDIES = (6, 12)
"""Beside whatever else was uploaded."""


async def worklist(orthanc: OrthancServer, folder: Path, seconds: int, rounds: int) -> list[Row]:
    """The same question as in `dicomweb`, when more of the same studies are there."""
    return [await _among(studies, orthanc, folder / str(studies), seconds, rounds) for studies in STUDIES]


async def _among(studies: int, orthanc: OrthancServer, folder: Path, seconds: int, rounds: int) -> Row:
    await asyncio.to_thread(upload, orthanc, worklist_instances(studies))
    qido = replace(next(resource for resource in RESOURCES if resource.name == "QIDO studies"), target=3.0)
    (folder / "radgate").mkdir(parents=True)
    with radgate_for(orthanc, folder / "radgate") as radgate:
        url = f"http://127.0.0.1:{radgate.http_port}{qido.paths[0]}"
        found = len(await asyncio.to_thread(lambda: httpx.get(url, headers=qido.headers(radgate), timeout=60).json()))
        return await measure(orthanc, radgate, qido, f"QIDO studies, {found} found", folder, seconds, rounds)
