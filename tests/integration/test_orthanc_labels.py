"""An Orthanc that several share, distinguished by labels: none sees, or gets at, what is not theirs, on any road."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from radgate_server.adapters.pacs.orthanc import build_orthanc_pacs
from radgate_server.core.dicom.data_sets import DicomJson, first_value
from radgate_server.core.dicom.identifiers import InstanceRef, QueryLevel, RetrieveScope
from radgate_server.core.dicom.instances import FailedInstance, ListedInstance, ReceivedInstance
from radgate_server.core.errors import InstanceNotSentError, PacsFailedError
from radgate_server.core.pacs.connections import OrthancConnection
from radgate_server.core.pacs.labels import LabelsConstraint, StudyLabels
from radgate_server.core.pacs.ports import PacsClient, StudyChange
from radgate_server.core.query.model import MatchingKey, Query
from radgate_server.settings.pacs import WebPacsSettings
from tests.conformance.pacs_suite import config_of, fetch, find
from tests.fakes.instances import make_dataset, make_study, received
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.orthanc import OrthancServer

STUDY_UID, SERIES_UID, INSTANCE_UID = "0020000D", "0020000E", "00080018"
BARE, FIRST, BOTH = "2.25.1", "2.25.2", "2.25.3"
"""Studies with no labels, with "a", and with "a" and "b"."""
LABELS = {BARE: "", FIRST: "a", BOTH: "ab"}
ALL, ANY, NONE = LabelsConstraint
SETTINGS = WebPacsSettings(idle_timeout_s=30, connect_timeout_s=30)

SEEN = [
    (StudyLabels(), {BARE, FIRST, BOTH}),
    (StudyLabels(("a", "b"), ALL), {BOTH}),
    (StudyLabels(("a", "b"), ANY), {FIRST, BOTH}),
    (StudyLabels(("b",), ANY), {BOTH}),
    (StudyLabels(("a", "b"), NONE), {BARE}),
    (StudyLabels(("b",), NONE), {BARE, FIRST}),
    (StudyLabels(("nobody",), ALL), set()),
]


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[OrthancServer]:
    """Three studies, and answers cut short without a word, so that no search is done in one page."""
    with OrthancServer(tmp_path / "orthanc", options={"LimitFindResults": 4, "LimitFindInstances": 2}) as server:
        for study, labels in LABELS.items():
            for file in make_study(3, study=study):
                server.request("POST", "/instances", file)
            for label in labels:
                put_label(server, study, label)
        yield server
        server.kill()


def put_label(orthanc: OrthancServer, study: str, label: str, method: str = "PUT") -> None:
    (found,) = orthanc.request("POST", "/tools/lookup", study.encode())
    httpx.request(method, f"{orthanc.url}{found['Path']}/labels/{label}", timeout=60).raise_for_status()


def labels_of(orthanc: OrthancServer, study: str) -> list[str]:
    (found,) = orthanc.request("POST", "/tools/lookup", study.encode())
    return sorted(orthanc.request("GET", f"{found['Path']}/labels"))


@asynccontextmanager
async def seeing(orthanc: OrthancServer, labels: StudyLabels) -> AsyncIterator[PacsClient]:
    connection = OrthancConnection(orthanc.url, labels=labels)
    pacs = build_orthanc_pacs(config_of(connection), settings=SETTINGS, telemetry=RecordingTelemetry())
    yield pacs
    await pacs.close()


def studies_in(matches: tuple[DicomJson, ...]) -> set[str]:
    return {first_value(match, STUDY_UID) for match in matches}


def listed(study: str) -> list[ListedInstance]:
    refs = (InstanceRef(study, f"{study}.1", f"{study}.1.{number}") for number in (1, 2, 3))
    return [ListedInstance(ref, "") for ref in refs]


# --- query and retrieve -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("labels", "seen"), SEEN)
async def test_only_what_is_labelled_is_found_and_retrieved(
    orthanc: OrthancServer, labels: StudyLabels, seen: set[str]
) -> None:
    async with seeing(orthanc, labels) as pacs:
        for level in QueryLevel:
            matches = await find(pacs, level)
            assert studies_in(matches) == seen
            assert len(matches) == len(seen) * (3 if level is QueryLevel.IMAGE else 1)
        for study in LABELS:
            for listing in (listed(study), []):
                arrivals = await fetch(pacs, RetrieveScope(study), listing)
                came = [arrival for arrival in arrivals if isinstance(arrival, ReceivedInstance)]
                assert len(came) == (3 if study in seen else 0)


@pytest.mark.parametrize("level", QueryLevel)
@pytest.mark.parametrize(
    "key", [(STUDY_UID, FIRST), (SERIES_UID, f"{FIRST}.1"), (INSTANCE_UID, f"{FIRST}.1.2"), ("00080060", "CT")]
)
async def test_no_key_shows_what_is_not_seen(orthanc: OrthancServer, level: QueryLevel, key: tuple[str, str]) -> None:
    query = Query(level, (MatchingKey((key[0],), key[1]),))
    async with seeing(orthanc, StudyLabels(("b",))) as pacs:
        assert studies_in((await pacs.query.find(query, max_results=10)).matches) <= {BOTH}
    async with seeing(orthanc, StudyLabels(("a",))) as pacs:
        assert FIRST in studies_in((await pacs.query.find(query, max_results=10)).matches)


async def test_what_is_not_seen_is_reported_as_missing(orthanc: OrthancServer) -> None:
    async with seeing(orthanc, StudyLabels(("b",))) as pacs:
        arrivals = await fetch(pacs, RetrieveScope(FIRST), listed(FIRST))
    assert [type(arrival.error) for arrival in arrivals if isinstance(arrival, FailedInstance)] == [
        InstanceNotSentError
    ] * 3


async def test_of_two_studies_of_one_uid_only_the_labelled_one_is_seen(orthanc: OrthancServer) -> None:
    """As of an original and its pseudonymised copy: Orthanc distinguishes them  by the Patient ID."""
    twin = "2.25.4"
    originals, copies = make_study(3, study=twin, PatientID="REAL"), make_study(4, study=twin, PatientID="PSEUDO")
    for file in originals:
        orthanc.request("POST", "/instances", file)
    (found,) = orthanc.request("POST", "/tools/lookup", twin.encode())
    copy_id = orthanc.request("POST", "/instances", copies[3])["ParentStudy"]
    assert found["ID"] != copy_id
    httpx.put(f"{orthanc.url}/studies/{copy_id}/labels/c", timeout=60).raise_for_status()
    async with seeing(orthanc, StudyLabels(("c",))) as pacs:
        for level in QueryLevel:
            (match,) = await find(pacs, level, t0020000d=twin)
            assert first_value(match, "00100020") == "PSEUDO"
        (arrival,) = await fetch(pacs, RetrieveScope(twin), [])
        assert arrival.ref.sop_instance_uid == f"{twin}.1.4"
        assert not [each for each in await fetch(pacs, RetrieveScope(twin), listed(twin)) if is_received(each)]


def is_received(arrival: object) -> bool:
    return isinstance(arrival, ReceivedInstance)


# --- store ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "given"),
    [
        (StudyLabels(("a", "b"), ALL), ["a", "b"]),
        (StudyLabels(("b", "a"), ANY), ["b"]),
        (StudyLabels(("a", "b"), NONE), []),
    ],
)
async def test_a_study_that_is_stored_gets_what_it_needs_to_be_seen(
    orthanc: OrthancServer, labels: StudyLabels, given: list[str]
) -> None:
    async with seeing(orthanc, labels) as pacs:
        assert pacs.store is not None
        await asyncio.gather(*(pacs.store.store(instance_of("2.25.9", number)) for number in range(1, 9)))
        assert labels_of(orthanc, "2.25.9") == given
        assert len(await fetch(pacs, RetrieveScope("2.25.9"), [])) == 8


async def test_more_of_a_study_that_is_seen_leaves_its_labels(orthanc: OrthancServer) -> None:
    async with seeing(orthanc, StudyLabels(("b", "c"), ANY)) as pacs:
        assert pacs.store is not None
        await pacs.store.store(instance_of(BOTH, 4))
        await pacs.store.store(instance_of(BOTH, 4))
        assert len(await fetch(pacs, RetrieveScope(BOTH), [])) == 4
    assert labels_of(orthanc, BOTH) == ["a", "b"]


@pytest.mark.parametrize(
    ("study", "labels"), [(FIRST, StudyLabels(("b",))), (BARE, StudyLabels(("a",))), (FIRST, StudyLabels(("a",), NONE))]
)
async def test_nobody_gets_at_a_study_by_storing_into_it(
    orthanc: OrthancServer, study: str, labels: StudyLabels
) -> None:
    async with seeing(orthanc, labels) as pacs:
        assert pacs.store is not None
        with pytest.raises(PacsFailedError, match="labels that keep it from being seen") as caught:
            await pacs.store.store(instance_of(study, 4))
        assert caught.value.details["status"] == "0124"
        assert study not in studies_in(await find(pacs, QueryLevel.STUDY))
    async with seeing(orthanc, StudyLabels()) as pacs:
        assert len(await fetch(pacs, RetrieveScope(study), [])) == 3


def instance_of(study: str, number: int) -> ReceivedInstance:
    return received(make_dataset(study, f"{study}.1", f"{study}.1.{number}"))


# --- changes ----------------------------------------------------------------------------------------------------------


async def test_the_feed_reports_what_is_seen(orthanc: OrthancServer) -> None:
    async with seeing(orthanc, StudyLabels(("a",))) as pacs:
        assert pacs.changes is not None
        begin = await pacs.changes.changes_after(None)
        for study in (BARE, FIRST):
            orthanc.request("POST", "/instances", make_study(4, study=study)[3])
        batch = await pacs.changes.changes_after(begin.last)
        assert batch.changes == (StudyChange(FIRST, removed=False),)
        assert (await pacs.changes.changes_after(batch.last)).changes == ()


async def test_a_label_that_is_taken_off_is_reported_as_a_removal(orthanc: OrthancServer) -> None:
    async with seeing(orthanc, StudyLabels(("a",))) as pacs:
        assert pacs.changes is not None
        last = (await pacs.changes.changes_after(None)).last
        assert studies_in(await find(pacs, QueryLevel.STUDY)) == {FIRST, BOTH}
        assert (await pacs.changes.changes_after(last)).changes == ()
        put_label(orthanc, FIRST, "a", "DELETE")
        assert (await pacs.changes.changes_after(last)).changes == (StudyChange(FIRST, removed=True),)
        assert (await pacs.changes.changes_after(last)).changes == ()


async def test_a_study_that_is_deleted_is_reported_once(orthanc: OrthancServer) -> None:
    async with seeing(orthanc, StudyLabels(("a",))) as pacs:
        assert pacs.changes is not None
        last = (await pacs.changes.changes_after(None)).last
        await find(pacs, QueryLevel.STUDY)
        (found,) = orthanc.request("POST", "/tools/lookup", FIRST.encode())
        orthanc.request("DELETE", found["Path"])
        reported = (await pacs.changes.changes_after(last)).changes
        assert [change for change in reported if change.removed] == [StudyChange(FIRST, removed=True)]
        assert (await pacs.changes.changes_after(last)).changes == ()
