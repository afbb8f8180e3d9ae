"""One Orthanc behind a faulty proxy, by every protocol that Radgate speaks over a network."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from radgate_server.adapters.pacs.dicomweb import build_dicomweb_pacs
from radgate_server.adapters.pacs.dimse import StorageScp, build_dimse_pacs
from radgate_server.adapters.pacs.orthanc import build_orthanc_pacs
from radgate_server.core.dicom.identifiers import InstanceRef, QueryLevel, RetrieveScope
from radgate_server.core.dicom.instances import Arrival, ListedInstance, ReceivedInstance
from radgate_server.core.pacs.connections import (
    DicomWebConnection,
    DimseConnection,
    OrthancConnection,
    PacsConfig,
    PacsConnection,
    RetrieveMethod,
)
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.query.model import MatchingKey, Query
from radgate_server.settings.pacs import DimseSettings, WebPacsSettings
from tests.conformance.pacs_suite import config_of
from tests.fakes.instances import CT_IMAGE_STORAGE, make_dataset, make_study, received
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.faulty_proxy import FaultyProxy
from tests.integration.orthanc import OrthancServer
from tests.integration.ports import free_port

SCP_PORT = free_port()
MODALITIES = {"radgate": ("RADGATE", SCP_PORT)}

SMALL, SMALL_INSTANCES = "2.25.91", 3
LARGE, LARGE_INSTANCES = "2.25.92", 12
FILES = [*make_study(SMALL_INSTANCES, study=SMALL), *make_study(LARGE_INSTANCES, study=LARGE, rows=256, columns=256)]
"""A study of 3 KB and one of 1.6 MB."""


@dataclass(frozen=True)
class PacsEndpoint:
    """One way into Orthanc.

    The middle of the large study, on any connection, is `middle_bytes` after its beginning. At `trickle_bytes_per_s`
    the answers to a query and a retrieve take longer than four seconds, but no short answer does.
    """

    name: str
    port: Callable[[OrthancServer], int]
    connection: Callable[[int], PacsConnection]
    middle_bytes: int
    trickle_bytes_per_s: int = 300_000

    def __str__(self) -> str:
        return self.name


def _dimse(method: RetrieveMethod) -> Callable[[int], PacsConnection]:
    # What trickles of a C-MOVE is the association that asks, which brings some hundred bytes.
    return lambda port: DimseConnection(
        "127.0.0.1", port, "ORTHANC", "RADGATE", method, max_associations=1, min_bytes_per_second=10
    )


# One connection each, so that whoever keeps it is found out; Orthanc's files are fetched over several.
ENDPOINTS = (
    PacsEndpoint("C-GET", lambda orthanc: orthanc.dicom_port, _dimse(RetrieveMethod.GET), 200_000),
    # the answers alone: the instances come over another connection
    PacsEndpoint("C-MOVE", lambda orthanc: orthanc.dicom_port, _dimse(RetrieveMethod.MOVE), 1000, 450),
    PacsEndpoint(
        "DICOMweb",
        lambda orthanc: orthanc.http_port,
        lambda port: DicomWebConnection(f"http://127.0.0.1:{port}/dicom-web", max_connections=1),
        200_000,
    ),
    PacsEndpoint(
        "Orthanc",
        lambda orthanc: orthanc.http_port,
        lambda port: OrthancConnection(f"http://127.0.0.1:{port}", max_connections=3),
        200_000,
        110_000,
    ),
)


@dataclass(frozen=True)
class Line:
    """A connected PACS, and the proxy on the way to it."""

    endpoint: PacsEndpoint
    proxy: FaultyProxy
    config: PacsConfig
    pacs: PacsClient


@asynccontextmanager
async def open_line(endpoint: PacsEndpoint, orthanc: OrthancServer, *, idle_s: float) -> AsyncIterator[Line]:
    """Put a proxy before Orthanc and connect through it; the storage SCP listens for the block's time.

    The PACS may be silent for `idle_s` seconds.
    """
    dimse = DimseSettings(connect_timeout_s=idle_s, idle_timeout_s=idle_s, acquire_timeout_s=3 * idle_s)
    web = WebPacsSettings(connect_timeout_s=idle_s, idle_timeout_s=idle_s, acquire_timeout_s=3 * idle_s)
    with FaultyProxy(endpoint.port(orthanc)) as proxy:
        scp = StorageScp("RADGATE", host="127.0.0.1", port=SCP_PORT, settings=dimse)
        await scp.start()
        config = config_of(endpoint.connection(proxy.port))
        try:
            yield Line(endpoint, proxy, config, connect(config, scp, dimse, web))
        finally:
            await scp.close()


def connect(config: PacsConfig, scp: StorageScp, dimse: DimseSettings, web: WebPacsSettings) -> PacsClient:
    """Make the client that belongs to the connection."""
    telemetry = RecordingTelemetry()
    match config.connection:
        case DimseConnection():
            return build_dimse_pacs(config, settings=dimse, storage_scp=scp, telemetry=telemetry)
        case DicomWebConnection():
            return build_dicomweb_pacs(config, settings=web, telemetry=telemetry)
        case _:
            return build_orthanc_pacs(config, settings=web, telemetry=telemetry)


def listed(study: str, count: int) -> list[ListedInstance]:
    """What `make_study` makes."""
    refs = (InstanceRef(study, f"{study}.1", f"{study}.1.{number}") for number in range(1, count + 1))
    return [ListedInstance(ref, CT_IMAGE_STORAGE) for ref in refs]


async def arrivals_of(pacs: PacsClient, study: str, count: int, into: list[Arrival]) -> None:
    """Retrieve a study; what came is in the list also when it fails."""
    async with pacs.reader.retrieve(RetrieveScope(study), listed(study, count)) as arrivals:
        async for arrival in arrivals:
            into.append(arrival)  # noqa: PERF401 - what came before a failure stays


async def _echo(pacs: PacsClient) -> None:
    assert (await pacs.echo.echo()).latency_ms > 0


async def _find(pacs: PacsClient) -> None:
    query = Query(QueryLevel.STUDY, (MatchingKey(("0020000D",), SMALL),))
    (match,) = (await pacs.query.find(query, max_results=10)).matches
    assert match["00100020"]["Value"] == ["P-1"]


async def _retrieve(pacs: PacsClient) -> None:
    came: list[Arrival] = []
    await arrivals_of(pacs, SMALL, SMALL_INSTANCES, came)
    assert sorted(map(data_set, came)) == sorted(map(data_set_of_file, FILES[:SMALL_INSTANCES]))


async def _store(pacs: PacsClient) -> None:
    assert pacs.store is not None
    await pacs.store.store(received(make_dataset("2.25.93", "2.25.93.1", "2.25.93.1.1")))


OPERATIONS: dict[str, Callable[[PacsClient], Awaitable[None]]] = {
    "echo": _echo,
    "find": _find,
    "retrieve": _retrieve,
    "store": _store,
}
"""What is asked of a PACS that is well; each looks at what it got."""


def data_set(arrival: Arrival) -> bytes:
    """The data set of an instance that came, encoded as it came."""
    assert isinstance(arrival, ReceivedInstance)
    return data_set_of_file(b"".join(arrival.content.pieces(1 << 20)))


def data_set_of_file(file: bytes) -> bytes:
    """The file without preamble and file meta, which a sender may write again (PS3.10 7.1)."""
    return file[144 + int.from_bytes(file[140:144], "little") :]


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """The block takes no longer."""
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    yield
    assert loop.time() - started_s < seconds
