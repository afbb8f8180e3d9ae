"""The DICOMweb adapter against tiny_pacs, filled over STOW-RS."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from radgate_server.adapters.pacs.dicomweb import build_dicomweb_pacs
from radgate_server.core.pacs.connections import DicomWebConnection
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.settings.pacs import WebPacsSettings
from tests.conformance.pacs_suite import PacsSuite, config_of, store_samples
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.tiny_pacs import TinyPacs


def client_of(tiny: TinyPacs) -> PacsClient:
    connection = DicomWebConnection(tiny.url, wado_uri_url=f"{tiny.url}/wado")
    return build_dicomweb_pacs(config_of(connection), settings=WebPacsSettings(), telemetry=RecordingTelemetry())


# Once only: tiny_pacs refuses what it holds, without saying why.
@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TinyPacs]:
    folder = tmp_path_factory.mktemp("tiny")
    with TinyPacs(folder) as server:
        asyncio.run(store_samples(client_of(server), folder))
        yield server


class TestTinyPacs(PacsSuite):
    """The suite, and that what it does not search across is walked down."""

    test_study_by_wildcard = None  # type: ignore[assignment]  # tiny_pacs matches names as substrings, no wildcards
    test_studies_by_a_list_of_uids = None  # type: ignore[assignment]  # nor lists

    @pytest.fixture
    async def pacs(self, tiny: TinyPacs) -> AsyncIterator[PacsClient]:
        client = client_of(tiny)
        yield client
        await client.close()
