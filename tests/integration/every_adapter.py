"""The same files behind every adapter, to compare what they answer."""

import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from radgate_server.adapters.pacs.dimse import StorageScp
from radgate_server.adapters.pacs.folder import build_folder_pacs
from radgate_server.core.pacs.connections import FolderConnection
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.settings.pacs import DimseSettings, WebPacsSettings
from tests.conformance.pacs_suite import config_of
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.orthanc import OrthancServer
from tests.integration.pacs_endpoints import ENDPOINTS, MODALITIES, SCP_PORT, connect


@contextmanager
def orthanc_with(files: Sequence[Path], folder: Path) -> Iterator[OrthancServer]:
    """Run an Orthanc in the folder that holds the files and knows where to move them."""
    with OrthancServer(folder, modalities=MODALITIES) as server:
        server.upload(files)
        yield server


@asynccontextmanager
async def every_adapter(
    orthanc: OrthancServer, files: Sequence[Path], folder: Path
) -> AsyncIterator[dict[str, PacsClient]]:
    """Connect by each protocol to Orthanc, and to a copy of the files in the folder; clients by the adapter's name.

    C-MOVE is left out: it queries as C-GET does, and Orthanc can't send several compressed transfer syntaxes of one SOP
    Class with it.
    """
    for path in files:
        shutil.copy(path, folder)
    scp = StorageScp("RADGATE", host="127.0.0.1", port=SCP_PORT, settings=DimseSettings())
    await scp.start()
    clients = {"folder": build_folder_pacs(config_of(FolderConnection(str(folder))), telemetry=RecordingTelemetry())}
    for endpoint in ENDPOINTS:
        if endpoint.name != "C-MOVE":
            config = config_of(endpoint.connection(endpoint.port(orthanc)))
            clients[endpoint.name] = connect(config, scp, DimseSettings(), WebPacsSettings())
    try:
        yield clients
    finally:
        for client in clients.values():
            await client.close()
        await scp.close()
