"""QIDO over a worklist as archives have them: Orthanc takes longer the more studies it finds."""

import asyncio
from pathlib import Path

from tests.bench.images import worklist_instances
from tests.bench.scenarios import RESOURCES, measure, upload
from tests.bench.servers import radgate_for
from tests.bench.table import Row
from tests.integration.orthanc import OrthancServer

STUDIES = 12


async def worklist(orthanc: OrthancServer, folder: Path, seconds: int, rounds: int) -> list[Row]:
    """The same question as in `dicomweb`, when twelve such studies are there."""
    await asyncio.to_thread(upload, orthanc, worklist_instances(STUDIES))
    qido = next(resource for resource in RESOURCES if resource.name == "QIDO studies")
    with radgate_for(orthanc, folder / "radgate") as radgate:
        return [await measure(orthanc, radgate, qido, f"QIDO studies, {STUDIES} found", folder, seconds, rounds)]
