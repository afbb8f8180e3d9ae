"""The Orthanc adapter against a real Orthanc: the conformance suite, storing, the feed of changes, and faults."""

import asyncio
import socket
import warnings
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydicom
import pytest

from radgate_server.adapters.pacs.orthanc import build_orthanc_pacs
from radgate_server.core.dicom.identifiers import QueryLevel, RetrieveScope
from radgate_server.core.dicom.instances import Arrival, FailedInstance, ListedInstance, MemoryContent, ReceivedInstance
from radgate_server.core.errors import (
    InstanceNotSentError,
    InstanceTooLargeError,
    PacsAbortedError,
    PacsCannotError,
    PacsCredentialsError,
    PacsFailedError,
    PacsUnreachableError,
)
from radgate_server.core.pacs.connections import HttpAuth, HttpAuthMethod, OrthancConnection
from radgate_server.core.pacs.ports import PacsChanges, PacsClient, StoreOutcome, StudyChange
from radgate_server.core.query.model import MatchingKey, Query
from radgate_server.core.secrets.secret import Secret
from radgate_server.settings.pacs import WebPacsSettings
from tests.conformance.pacs_suite import (
    STUDY_UID,
    PacsSuite,
    config_of,
    fetch,
    find,
    greek_instance,
    header,
    read_received,
    sample_instances,
    value,
)
from tests.fakes.instances import make_dataset, make_study, received
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.orthanc import OrthancServer
from tests.integration.ports import free_port

SETTINGS = WebPacsSettings(idle_timeout_s=30, connect_timeout_s=30)


def make_client(url: str, auth: HttpAuth | None = None, password: str = "") -> PacsClient:
    connection = OrthancConnection(url, auth or HttpAuth(), password=Secret(password))
    return build_orthanc_pacs(config_of(connection), settings=SETTINGS, telemetry=RecordingTelemetry())


def filled(folder: Path, **options: Any) -> OrthancServer:
    """An Orthanc with the suite's files; kill it in the end."""
    server = OrthancServer(folder, options=options)
    server.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server.upload([*sample_instances(), greek_instance(folder)])
    return server


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    server = filled(tmp_path_factory.mktemp("orthanc"))
    yield server
    server.kill()


@pytest.fixture(scope="module")
def peculiar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    """Deflates files on its disk, and cuts its answers short without a word."""
    options = {"StorageCompression": True, "LimitFindResults": 3, "LimitFindInstances": 1}
    server = filled(tmp_path_factory.mktemp("peculiar"), **options)
    yield server
    server.kill()


class TestPeculiarOrthanc(PacsSuite):
    @pytest.fixture
    async def pacs(self, peculiar: OrthancServer, studies: list[Path]) -> AsyncIterator[PacsClient]:
        client = make_client(peculiar.url)
        yield client
        await client.close()


class TestOrthanc(PacsSuite):
    @pytest.fixture
    async def pacs(self, stocked: OrthancServer, studies: list[Path]) -> AsyncIterator[PacsClient]:
        client = make_client(stocked.url)
        yield client
        await client.close()

    async def test_study_by_a_key_of_its_series(self, pacs: PacsClient, studies: list[Path]) -> None:
        wanted = header(studies[6])
        (match,) = await find(pacs, QueryLevel.STUDY, t0020000e=str(wanted.SeriesInstanceUID))
        assert value(match, STUDY_UID) == wanted.StudyInstanceUID
        assert await find(pacs, QueryLevel.STUDY, t0020000e="1.2.3") == ()

    async def test_what_is_counted_and_made_up(self, pacs: PacsClient, studies: list[Path]) -> None:
        uid = str(header(studies[4]).StudyInstanceUID)
        (match,) = await find(pacs, QueryLevel.STUDY, t0020000d=uid, t00080061="CT\\XA")
        assert value(match, "00080061") == "CT"
        assert value(match, "00201206") == 1
        assert value(match, "00201208") == 2

    async def test_keys_that_the_database_does_not_know(self, pacs: PacsClient) -> None:
        matches = await find(pacs, QueryLevel.STUDY, include=["00080062"], t00120062="YES", t00080060="MR")
        assert [value(match, "00120062") for match in matches] == ["YES"]
        assert value(matches[0], "00080062") == "1.2.840.10008.5.1.4.1.1.4"

    async def test_times_are_spans(self, pacs: PacsClient) -> None:
        (match,) = await find(pacs, QueryLevel.STUDY, t00080030="0251")
        assert value(match, "00080030") == "025109"
        assert await find(pacs, QueryLevel.STUDY, t00080030="0252-03") == ()

    async def test_values_are_matched_as_dicom_wants(self, pacs: PacsClient) -> None:
        assert await find(pacs, QueryLevel.STUDY, t00100020="greek") == ()
        (match,) = await find(pacs, QueryLevel.STUDY, t00100010="διονυσιοσ")
        assert value(match, "00100020") == "GREEK"

    async def test_numbers_of_all_kinds(self, pacs: PacsClient, studies: list[Path]) -> None:
        wanted = pydicom.dcmread(studies[0])
        include = ["00280010", "00280030", "00280106", "00080008"]
        (match,) = await find(pacs, QueryLevel.IMAGE, include=include, t00080018=str(wanted.SOPInstanceUID))
        assert match["00280010"] == {"vr": "US", "Value": [128]}
        assert match["00280030"] == {"vr": "DS", "Value": [float(number) for number in wanted.PixelSpacing]}
        assert match["00080008"] == {"vr": "CS", "Value": list(wanted.ImageType)}

    async def test_it_describes_itself(self, pacs: PacsClient) -> None:
        assert pacs.describer is not None
        capabilities = await pacs.describer.describe()
        assert capabilities.vendor == "Orthanc"
        assert capabilities.version.startswith("1.")
        assert "QIDO-RS" in capabilities.services
        assert capabilities.can_store
        report = await pacs.echo.echo()
        assert report.detail == f"Orthanc {capabilities.version}"


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[OrthancServer]:
    """An empty one, for one test."""
    with OrthancServer(tmp_path / "orthanc") as server:
        yield server
        server.kill()  # to stop it gently takes seconds


@pytest.fixture
async def client(orthanc: OrthancServer) -> AsyncIterator[PacsClient]:
    pacs = make_client(orthanc.url)
    yield pacs
    await pacs.close()


def upload(orthanc: OrthancServer, files: list[bytes]) -> None:
    for file in files:
        orthanc.request("POST", "/instances", file)


async def listed(pacs: PacsClient, study: str) -> list[ListedInstance]:
    """The study's instances as a service would list them."""
    arrivals = await fetch(pacs, RetrieveScope(study), [])
    return [ListedInstance(arrival.ref, "") for arrival in arrivals]


class TestRetrieve:
    async def test_without_a_listing_all_comes(self, orthanc: OrthancServer, client: PacsClient) -> None:
        upload(orthanc, make_study(5, series=2))
        arrivals = await fetch(client, RetrieveScope("2.25.1000", "2.25.1000.2"), [])
        assert sorted(arrival.ref.sop_instance_uid for arrival in arrivals) == [f"2.25.1000.2.{n}" for n in range(1, 6)]

    async def test_files_come_byte_for_byte_in_the_order_of_the_listing(
        self, orthanc: OrthancServer, client: PacsClient
    ) -> None:
        files = make_study(12)
        upload(orthanc, files)
        wanted = sorted(
            await listed(client, "2.25.1000"), key=lambda item: int(item.ref.sop_instance_uid.split(".")[-1])
        )
        arrivals = await fetch(client, RetrieveScope("2.25.1000"), wanted)
        contents = [b"".join(item.content.pieces(1 << 20)) for item in arrivals if isinstance(item, ReceivedInstance)]
        assert contents == files

    async def test_a_study_under_two_patients(self, orthanc: OrthancServer, client: PacsClient) -> None:
        first, second, third = (
            make_study(3, PatientID="A"),
            make_study(3, PatientID="B\u00e4"),
            make_study(4, PatientID="C "),
        )
        upload(orthanc, [first[0], second[1], third[2], third[3]])
        arrivals = await fetch(client, RetrieveScope("2.25.1000"), [])
        assert {a.ref.sop_instance_uid[-1] for a in arrivals if isinstance(a, ReceivedInstance)} == {"1", "2", "3", "4"}

    async def test_one_that_is_gone_does_not_cost_the_others(self, orthanc: OrthancServer, client: PacsClient) -> None:
        upload(orthanc, make_study(6))
        wanted = await listed(client, "2.25.1000")
        gone = wanted[2]
        (instance_id,) = orthanc.request("POST", "/tools/lookup", gone.ref.sop_instance_uid.encode())
        orthanc.request("DELETE", instance_id["Path"])
        arrivals = await fetch(client, RetrieveScope("2.25.1000"), wanted)
        (failed,) = [arrival for arrival in arrivals if isinstance(arrival, FailedInstance)]
        assert failed.ref == gone.ref
        assert isinstance(failed.error, InstanceNotSentError)
        assert len(arrivals) == 6

    async def test_a_large_one_goes_over_the_disk(self, orthanc: OrthancServer, client: PacsClient) -> None:
        dataset = make_dataset("2.25.7", "2.25.7.1", "2.25.7.1.1", rows=2048, columns=2560)
        upload(orthanc, [b"".join(received(dataset).content.pieces(1 << 24))])
        (arrival,) = await fetch(client, RetrieveScope("2.25.7"), [])
        assert isinstance(arrival, ReceivedInstance)
        assert not isinstance(arrival.content, MemoryContent)
        assert read_received(arrival).PixelData == dataset.PixelData

    async def test_one_that_is_too_large_fails_alone(self, orthanc: OrthancServer) -> None:
        big = make_dataset("2.25.7", "2.25.7.1", "2.25.7.1.1", rows=1024, columns=1024)
        upload(orthanc, [b"".join(received(big).content.pieces(1 << 24)), *make_study(1, study="2.25.7")])
        settings = SETTINGS.model_copy(update={"max_instance_bytes": 1 << 20})
        pacs = build_orthanc_pacs(
            config_of(OrthancConnection(orthanc.url)), settings=settings, telemetry=RecordingTelemetry()
        )
        orthanc.request("DELETE", orthanc.request("POST", "/tools/lookup", b"2.25.7.1.1")[0]["Path"])
        upload(orthanc, [b"".join(received(big).content.pieces(1 << 24)), *make_study(2, study="2.25.7")[1:]])
        arrivals = {arrival.ref.sop_instance_uid: arrival for arrival in await fetch(pacs, RetrieveScope("2.25.7"), [])}
        failed = arrivals["2.25.7.1.1"]
        assert isinstance(failed, FailedInstance)
        assert isinstance(failed.error, InstanceTooLargeError)
        assert isinstance(arrivals["2.25.7.1.2"], ReceivedInstance)
        await pacs.close()


class TestQuery:
    async def test_keys_within_a_sequence(self, orthanc: OrthancServer, client: PacsClient) -> None:
        item = pydicom.Dataset()
        item.ScheduledProcedureStepID = "SPS 7"
        upload(orthanc, [*make_study(1), *make_study(1, study="2.25.8", RequestAttributesSequence=[item])])
        keys = (MatchingKey(("00400275", "00400009"), "SPS*"),)
        result = await client.query.find(Query(QueryLevel.SERIES, keys), max_results=10)
        assert [value(match, STUDY_UID) for match in result.matches] == ["2.25.8"]
        assert value(result.matches[0], "00400275") == {"00400009": {"vr": "SH", "Value": ["SPS 7"]}}

    async def test_tags_are_tags(self, orthanc: OrthancServer, client: PacsClient) -> None:
        upload(orthanc, make_study(1, FrameIncrementPointer=0x00181063))
        (match,) = await find(client, QueryLevel.IMAGE, include=["00280009"])
        assert match["00280009"] == {"vr": "AT", "Value": ["00181063"]}

    async def test_everything(self, orthanc: OrthancServer, client: PacsClient) -> None:
        upload(orthanc, make_study(1, AdmissionID="ADM", Manufacturer="Acme"))
        result = await client.query.find(Query(QueryLevel.SERIES, include_all=True), max_results=10)
        assert [value(match, "00380010") for match in result.matches] == ["ADM"]
        assert [value(match, "00080070") for match in result.matches] == ["Acme"]


class TestStore:
    async def test_the_same_twice_is_no_failure(self, orthanc: OrthancServer, client: PacsClient) -> None:
        assert client.store is not None
        instance = received(make_dataset("2.25.3", "2.25.3.1", "2.25.3.1.1"))
        assert await client.store.store(instance) == StoreOutcome()
        assert await client.store.store(instance) == StoreOutcome()
        (arrival,) = await fetch(client, RetrieveScope("2.25.3"), [])
        assert isinstance(arrival, ReceivedInstance)
        assert b"".join(arrival.content.pieces(1 << 20)) == b"".join(instance.content.pieces(1 << 20))

    async def test_what_is_no_dicom_is_refused(self, client: PacsClient) -> None:
        assert client.store is not None
        broken = replace(
            received(make_dataset("2.25.3", "2.25.3.1", "2.25.3.1.1")), content=MemoryContent((b"x" * 999,))
        )
        with pytest.raises(PacsFailedError) as caught:
            await client.store.store(broken)
        assert caught.value.details["status"] == "C000"

    async def test_a_full_storage_is_out_of_resources(self, tmp_path: Path) -> None:
        with OrthancServer(tmp_path, options={"MaximumPatientCount": 1, "MaximumStorageMode": "Reject"}) as server:
            pacs = make_client(server.url)
            assert pacs.store is not None
            await pacs.store.store(received(make_dataset("2.25.3", "2.25.3.1", "2.25.3.1.1", PatientID="A")))
            with pytest.raises(PacsFailedError) as caught:
                await pacs.store.store(received(make_dataset("2.25.4", "2.25.4.1", "2.25.4.1.1", PatientID="B")))
            await pacs.close()
        assert caught.value.details["status"] == "A700"

    async def test_a_read_only_one_can_not(self, tmp_path: Path) -> None:
        with OrthancServer(tmp_path, options={"ReadOnly": True, "Plugins": []}) as server:
            pacs = make_client(server.url)
            assert pacs.store is not None
            assert pacs.describer is not None
            assert not (await pacs.describer.describe()).can_store
            with pytest.raises(PacsCannotError):
                await pacs.store.store(received(make_dataset("2.25.3", "2.25.3.1", "2.25.3.1.1")))
            await pacs.close()


async def all_changes(changes: PacsChanges, last: int) -> tuple[list[StudyChange], int]:
    reported: list[StudyChange] = []
    more = True
    while more:
        batch = await changes.changes_after(last)
        reported.extend(batch.changes)
        last, more = batch.last, batch.more
    return reported, last


class TestChanges:
    @pytest.fixture
    def changes(self, client: PacsClient) -> PacsChanges:
        assert client.changes is not None
        return client.changes

    async def test_what_came_is_reported_once(self, orthanc: OrthancServer, changes: PacsChanges) -> None:
        upload(orthanc, make_study(2, study="2.25.5"))
        begin = await changes.changes_after(None)
        assert begin.changes == ()
        assert await all_changes(changes, begin.last) == ([], begin.last)
        upload(orthanc, [*make_study(3, study="2.25.6"), *make_study(3, study="2.25.5")[2:]])
        reported, last = await all_changes(changes, begin.last)
        assert set(reported) == {StudyChange("2.25.6", removed=False), StudyChange("2.25.5", removed=False)}
        assert len(reported) == 2
        assert (await all_changes(changes, last))[0] == []

    async def test_a_study_that_is_deleted(
        self, orthanc: OrthancServer, client: PacsClient, changes: PacsChanges
    ) -> None:
        upload(orthanc, [*make_study(2, study="2.25.5"), *make_study(1, study="2.25.6")])
        last = (await changes.changes_after(None)).last
        await find(client, QueryLevel.STUDY)
        orthanc.request("DELETE", orthanc.request("POST", "/tools/lookup", b"2.25.5")[0]["Path"])
        reported, last = await all_changes(changes, last)
        assert StudyChange("2.25.5", removed=True) in reported
        assert StudyChange("", removed=True) not in reported
        assert (await all_changes(changes, last))[0] == []

    async def test_an_instance_that_is_deleted(
        self, orthanc: OrthancServer, client: PacsClient, changes: PacsChanges
    ) -> None:
        upload(orthanc, make_study(2, study="2.25.5"))
        await find(client, QueryLevel.STUDY)
        last = (await changes.changes_after(None)).last
        orthanc.request("DELETE", orthanc.request("POST", "/tools/lookup", b"2.25.5.1.2")[0]["Path"])
        reported, _ = await all_changes(changes, last)
        assert reported == [StudyChange("2.25.5", removed=True)]

    async def test_a_deleted_study_that_was_never_named_may_be_any(
        self, orthanc: OrthancServer, changes: PacsChanges
    ) -> None:
        upload(orthanc, make_study(1, study="2.25.5"))
        last = (await changes.changes_after(None)).last
        orthanc.request("DELETE", orthanc.request("POST", "/tools/lookup", b"2.25.5")[0]["Path"])
        assert (await all_changes(changes, last))[0] == [StudyChange("", removed=True)]

    async def test_an_orthanc_that_was_set_up_again_may_lack_anything(self, changes: PacsChanges) -> None:
        batch = await changes.changes_after(1_000_000)
        assert batch.changes == (StudyChange("", removed=True),)
        assert batch.last < 1_000_000
        assert (await all_changes(changes, batch.last))[0] == []


class TestFaults:
    async def test_wrong_credentials(self, tmp_path: Path) -> None:
        options = {"AuthenticationEnabled": True, "RegisteredUsers": {"radgate": "right"}}
        port = free_port()
        server = OrthancServer(tmp_path, options=options, http_port=port)
        server._answers = lambda: _listens(port)  # type: ignore[method-assign] - it lets nobody in without a password
        auth = HttpAuth(HttpAuthMethod.BASIC, username="radgate")
        with server:
            wrong, right = make_client(server.url, auth, "wrong"), make_client(server.url, auth, "right")
            with pytest.raises(PacsCredentialsError):
                await wrong.echo.echo()
            with pytest.raises(PacsCredentialsError):
                await wrong.query.find(Query(QueryLevel.STUDY), max_results=10)
            assert (await right.echo.echo()).detail.startswith("Orthanc")
            await wrong.close()
            await right.close()

    async def test_nobody_there(self) -> None:
        pacs = make_client(f"http://127.0.0.1:{free_port()}")
        with pytest.raises(PacsUnreachableError):
            await pacs.echo.echo()
        with pytest.raises(PacsUnreachableError):
            await fetch(pacs, RetrieveScope("2.25.1"), [])
        await pacs.close()

    async def test_killed_in_the_middle_of_a_retrieve(self, orthanc: OrthancServer, client: PacsClient) -> None:
        upload(orthanc, make_study(40))
        wanted = await listed(client, "2.25.1000")
        tasks = asyncio.all_tasks()
        came: list[Arrival] = []

        async def kill_after_the_first() -> None:
            async with client.reader.retrieve(RetrieveScope("2.25.1000"), wanted) as arrivals:
                async for arrival in arrivals:
                    came.append(arrival)
                    orthanc.kill()

        with pytest.raises((PacsAbortedError, PacsUnreachableError)):
            await kill_after_the_first()
        assert 0 < len(came) < 40
        assert asyncio.all_tasks() == tasks
        orthanc.start()
        assert len(await fetch(client, RetrieveScope("2.25.1000"), wanted)) == 40

    async def test_errors_hold_no_text_of_the_pacs(self, orthanc: OrthancServer, client: PacsClient) -> None:
        key = MatchingKey(("00100020",), "SECRET")
        orthanc.kill()
        with pytest.raises(PacsUnreachableError) as caught:
            await client.query.find(Query(QueryLevel.STUDY, (key,)), max_results=1)
        assert "SECRET" not in str(caught.value)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
