"""Every attribute that a query may name, as a key and as one to return, at each level of a real Orthanc."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from pydicom.datadict import DicomDictionary

from radgate_server.adapters.pacs.orthanc import build_orthanc_pacs
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.errors import PacsError
from radgate_server.core.pacs.connections import OrthancConnection
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.query.attributes import vr_of
from radgate_server.core.query.model import MatchingKey, Query
from radgate_server.core.query.return_attributes import attributes_down_to
from radgate_server.settings.pacs import WebPacsSettings
from tests.conformance.pacs_suite import config_of
from tests.fakes.instances import make_study
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.orthanc import OrthancServer

STUDY = "2.25.381"
KNOWN = attributes_down_to(QueryLevel.IMAGE)
ALL = sorted(f"{tag:08X}" for tag in DicomDictionary if tag >= 0x00080000)
"""Of PS3.6, and those of the tables of levels among them."""
VALUES = {"DA": "20200101-", "TM": "08-12", "DT": "2020-", "UI": "1.2\\1.3", "PN": "Doe^*"}
NUMBERS = frozenset(("IS", "DS", "US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "US or SS"))


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    folder = tmp_path_factory.mktemp("orthanc")
    paths = []
    for number, file in enumerate(make_study(2, study=STUDY)):
        paths.append(folder / f"{number}.dcm")
        paths[-1].write_bytes(file)
    with OrthancServer(folder) as server:
        server.upload(paths)
        yield server


@pytest.fixture
async def pacs(orthanc: OrthancServer) -> AsyncIterator[PacsClient]:
    config = config_of(OrthancConnection(orthanc.url))
    client = build_orthanc_pacs(config, settings=WebPacsSettings(), telemetry=RecordingTelemetry())
    yield client
    await client.close()


async def refused(pacs: PacsClient, queries: dict[str, Query]) -> list[str]:
    gate = asyncio.Semaphore(4)

    async def ask(name: str, query: Query) -> str:
        async with gate:
            try:
                await pacs.query.find(query, max_results=10)
            except PacsError as error:
                return f"{query.level} {name}: {error}"
        return ""

    return [text for text in await asyncio.gather(*(ask(*item) for item in queries.items())) if text]


def value_of(tag: str) -> str:
    vr = vr_of(tag)
    return VALUES.get(vr, "1" if vr in NUMBERS else "A*")


@pytest.mark.parametrize("level", list(QueryLevel))
async def test_every_attribute_may_be_a_key(pacs: PacsClient, level: QueryLevel) -> None:
    queries = {
        f"{tag}={value}": Query(level, (MatchingKey((tag,), value),))
        for tag in KNOWN
        for value in {value_of(tag), "1", "*", "a\\b"}
    }
    assert await refused(pacs, queries) == []


@pytest.mark.parametrize("level", list(QueryLevel))
async def test_every_attribute_may_be_returned(pacs: PacsClient, level: QueryLevel) -> None:
    chunks = [ALL[at : at + 100] for at in range(0, len(ALL), 100)]
    queries = {chunk[0]: Query(level, include=tuple((tag,) for tag in chunk)) for chunk in chunks}
    queries |= {tag: Query(level, include=((tag,),)) for tag in KNOWN}
    assert await refused(pacs, queries) == []


@pytest.mark.parametrize("level", list(QueryLevel))
async def test_everything_may_be_asked_for(pacs: PacsClient, level: QueryLevel) -> None:
    (match, *_) = (await pacs.query.find(Query(level, include_all=True), max_results=10)).matches
    assert match["0020000D"]["Value"] == [STUDY]


async def test_a_key_that_orthanc_can_not_be_asked_for_leaves_the_answer_unmatched(pacs: PacsClient) -> None:
    result = await pacs.query.find(Query(QueryLevel.IMAGE, (MatchingKey(("00080062",), "1.2"),)), max_results=10)
    assert (len(result.matches), result.exact) == (2, False)
