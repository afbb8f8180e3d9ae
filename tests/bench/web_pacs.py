"""A cold study through the DICOMweb adapter, against a plain httpx download of the same bytes."""

import time
from statistics import median

import httpx

from radgate_server.adapters.pacs.dicomweb import build_dicomweb_pacs
from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.dicom.instances import ReceivedInstance
from radgate_server.core.pacs.connections import DicomWebConnection, PacsConfig
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.services.retrieve.listing import listing_query
from radgate_server.settings.pacs import WebPacsSettings
from tests.bench.images import CT_STUDY
from tests.bench.servers import PACS, TENANT
from tests.bench.table import Row
from tests.fakes.clock import START
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.orthanc import OrthancServer

ACCEPT = {"accept": 'multipart/related; type="application/dicom"; transfer-syntax=*', "accept-encoding": "identity"}
SCOPE = RetrieveScope(CT_STUDY)
MB = 1e6


async def web_pacs(orthanc: OrthancServer, rounds: int) -> list[Row]:
    """Download the study in turn, by the adapter and without it; every instance must have come."""
    config = PacsConfig(TENANT, PACS, DicomWebConnection(orthanc.dicomweb_url), START)
    client = build_dicomweb_pacs(config, settings=WebPacsSettings(), telemetry=RecordingTelemetry())
    adapter, plain = [], []
    try:
        for _ in range(rounds):
            plain.append(await _download(f"{orthanc.dicomweb_url}/studies/{CT_STUDY}"))
            adapter.append(await _retrieve(client))
    finally:
        await client.close()
    return [
        Row(
            "cold study over DICOMweb, 120 slices",
            f"{median(adapter):,.0f} MB/s",
            f"plain httpx {median(plain):,.0f} MB/s",
            median(adapter) / median(plain),
            0.8,
        )
    ]


async def _download(url: str) -> float:
    count, start = 0, time.perf_counter()
    async with httpx.AsyncClient(timeout=60) as client, client.stream("GET", url, headers=ACCEPT) as response:
        async for piece in response.aiter_raw():
            count += len(piece)
    return count / MB / (time.perf_counter() - start)


async def _retrieve(client: PacsClient) -> float:
    listed = (await client.query.find(listing_query(SCOPE), max_results=1000)).matches
    count = number = 0
    start = time.perf_counter()
    async with client.reader.retrieve(SCOPE, ()) as arrivals:
        async for arrival in arrivals:
            if not isinstance(arrival, ReceivedInstance):
                raise TypeError("an instance failed")
            count, number = count + arrival.content.size_bytes, number + 1
    took_s = time.perf_counter() - start
    if number != len(listed):
        raise RuntimeError(f"{number} of {len(listed)} instances came")
    return count / MB / took_s
