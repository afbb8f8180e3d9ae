"""The DICOMweb adapter against Orthanc's DICOMweb plug-in."""

import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from radgate_server.adapters.pacs.dicomweb import build_dicomweb_pacs
from radgate_server.core.dicom.identifiers import QueryLevel, RetrieveScope
from radgate_server.core.errors import PacsCredentialsError, PacsUnreachableError
from radgate_server.core.pacs.connections import DicomWebConnection, HttpAuth, HttpAuthMethod
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.secrets.secret import Secret
from radgate_server.settings.pacs import WebPacsSettings
from tests.conformance.pacs_suite import (
    GREEK_NAME,
    PATIENT_ID,
    PacsSuite,
    config_of,
    fetch,
    find,
    greek_instance,
    listed_instance,
    sample_instances,
    value,
)
from tests.fakes.instances import make_dataset, received
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.orthanc import OrthancServer

BASIC = HttpAuth(HttpAuthMethod.BASIC, username="jane")


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    folder = tmp_path_factory.mktemp("orthanc")
    with OrthancServer(folder) as server, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server.upload([*sample_instances(), greek_instance(folder)])
        yield server


def client_of(connection: DicomWebConnection, telemetry: RecordingTelemetry | None = None) -> PacsClient:
    return build_dicomweb_pacs(
        config_of(connection),
        settings=WebPacsSettings(idle_timeout_s=30, connect_timeout_s=30),
        telemetry=telemetry or RecordingTelemetry(),
    )


@pytest.fixture
async def pacs(orthanc: OrthancServer) -> AsyncIterator[PacsClient]:
    client = client_of(DicomWebConnection(orthanc.dicomweb_url, wado_uri_url=f"{orthanc.url}/wado"))
    yield client
    await client.close()


class TestOrthancDicomWeb(PacsSuite):
    """The suite."""

    @pytest.fixture
    async def pacs(self, orthanc: OrthancServer) -> AsyncIterator[PacsClient]:
        client = client_of(DicomWebConnection(orthanc.dicomweb_url, wado_uri_url=f"{orthanc.url}/wado"))
        yield client
        await client.close()


async def test_text_that_an_url_can_not_hold_finds_its_match(pacs: PacsClient) -> None:
    for name in (f"{GREEK_NAME[:4]}*", GREEK_NAME):
        (match,) = await find(pacs, QueryLevel.STUDY, t00100010=name, t00100020="GREEK")
        assert value(match, PATIENT_ID) == "GREEK"


async def test_it_is_described(pacs: PacsClient) -> None:
    assert pacs.describer is not None
    reported = await pacs.describer.describe()
    assert reported.services == ("QIDO-RS", "WADO-RS", "WADO-URI", "STOW-RS")
    assert reported.query_levels == tuple(QueryLevel)
    assert reported.can_store
    assert (await pacs.echo.echo()).latency_ms > 0


async def test_an_instance_is_stored_and_comes_back_and_may_be_stored_again(tmp_path: Path) -> None:
    instance = received(make_dataset("1.2.3", "1.2.3.4", "1.2.3.4.5"))
    with OrthancServer(tmp_path) as orthanc:
        client = client_of(DicomWebConnection(orthanc.dicomweb_url))
        assert client.store is not None
        for _ in range(2):
            assert (await client.store.store(instance)).warning == 0
        path = tmp_path / "sent.dcm"
        path.write_bytes(b"".join(instance.content.pieces(1 << 20)))
        (arrival,) = await fetch(client, RetrieveScope("1.2.3"), [listed_instance(path)])
        assert arrival.ref == instance.ref
        await client.close()


async def test_credentials_are_wanted(tmp_path: Path) -> None:
    telemetry = RecordingTelemetry()
    with OrthancServer(
        tmp_path, options={"AuthenticationEnabled": True, "RegisteredUsers": {"jane": "right"}}
    ) as server:
        good = client_of(DicomWebConnection(server.dicomweb_url, auth=BASIC, password=Secret("right")), telemetry)
        bad = client_of(DicomWebConnection(server.dicomweb_url, auth=BASIC, password=Secret("wrong")))
        assert (await find(good, QueryLevel.STUDY)) == ()
        with pytest.raises(PacsCredentialsError):
            await find(bad, QueryLevel.STUDY)
        await bad.close()
    with pytest.raises(PacsUnreachableError):
        await good.echo.echo()
    await good.close()
    assert telemetry.outcomes("find") == ["ok"]
    assert telemetry.outcomes("echo") == ["PacsUnreachableError"]


async def test_bytes_are_counted(orthanc: OrthancServer) -> None:
    telemetry = RecordingTelemetry()
    client = client_of(DicomWebConnection(orthanc.dicomweb_url), telemetry)
    path = sample_instances()[0]
    listed = listed_instance(path)
    await fetch(client, RetrieveScope(listed.ref.study_instance_uid), [listed])
    assert telemetry.received["main"] == path.stat().st_size
    assert telemetry.outcomes("retrieve") == ["ok"]
    await client.close()
