"""What every PACS adapter must do, whatever the protocol behind it. An adapter's test subclasses PacsSuite.

The subclass overrides the `pacs` fixture: a PacsClient of a PACS that holds exactly the files of `studies`.
"""

import shutil
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

from radgate_server.adapters.pacs.http.identified import identified
from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.dicom.identifiers import InstanceRef, QueryLevel, RetrieveScope
from radgate_server.core.dicom.instances import Arrival, FileContent, ListedInstance, ReceivedInstance
from radgate_server.core.pacs.connections import PacsConfig, PacsConnection
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.query.model import MatchingKey, Query

STUDY_UID = "0020000D"
SERIES_UID = "0020000E"
SOP_UID = "00080018"
SOP_CLASS = "00080016"
MODALITY = "00080060"
PATIENT_ID = "00100020"
PATIENT_NAME = "00100010"
STUDY_DATE = "00080020"
MAX_RESULTS = 1000
GREEK_NAME = "Διονυσιος"

_SAMPLES = (
    "CT_small.dcm",
    "MR_small_RLE.dcm",
    "JPEG2000.dcm",
    "dicomdirtests/77654033/CR1/6154",
    "dicomdirtests/98892001/CT2N/6293",
    "dicomdirtests/98892001/CT2N/6924",
    "dicomdirtests/98892003/MR1/4919",
)


def write_studies(folder: Path) -> None:
    """Write the suite's studies into the folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        greek_instance(folder)
    for number, path in enumerate(sample_instances()):
        shutil.copy(path, folder / f"{number}.dcm")


def sample_instances() -> list[Path]:
    """Seven small files of pydicom: six studies, one series of two instances, native, RLE and JPEG 2000 pixels."""
    paths = [get_testdata_file(name, download=False) for name in _SAMPLES]
    return [Path(path) for path in paths if path is not None]


def greek_instance(folder: Path) -> Path:
    """Write an instance whose patient's name is in ISO_IR 126 (Greek), and return its path."""
    dataset = pydicom.dcmread(sample_instances()[0])
    dataset.SpecificCharacterSet = "ISO_IR 126"
    dataset.PatientName = GREEK_NAME
    dataset.PatientID = "GREEK"
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(dataset, keyword, f"{dataset[keyword].value}.126")
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    path = folder / "greek.dcm"
    dataset.save_as(path)
    return path


def header(path: Path) -> pydicom.FileDataset:
    """The file's data set without its pixels."""
    return pydicom.dcmread(path, stop_before_pixels=True)


def listed_instance(path: Path) -> ListedInstance:
    """The file as a PACS lists it."""
    dataset = header(path)
    ref = InstanceRef(str(dataset.StudyInstanceUID), str(dataset.SeriesInstanceUID), str(dataset.SOPInstanceUID))
    return ListedInstance(ref, str(dataset.SOPClassUID))


def value(match: DicomJson, tag: str) -> object:
    """The attribute's first value, None when there is none."""
    return next(iter(match.get(tag, {}).get("Value", ())), None)


async def find(pacs: PacsClient, level: QueryLevel, include: Sequence[str] = (), **keys: str) -> Sequence[DicomJson]:
    """Query with keys such as t00100020="1CT1"; every match, never truncated."""
    matching = tuple(
        sorted((MatchingKey((name[1:].upper(),), text) for name, text in keys.items()), key=lambda k: k.path)
    )
    query = Query(level, matching, tuple((tag,) for tag in include))
    result = await pacs.query.find(query, max_results=MAX_RESULTS)
    assert not result.truncated
    return result.matches


async def store_samples(pacs: PacsClient, folder: Path) -> None:
    """Store what the suite asks for, each instance in its own transfer syntax, and close the client."""
    assert pacs.store is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        paths = [*sample_instances(), greek_instance(folder)]
    for path in paths:
        await pacs.store.store(identified(pacs.name, FileContent(path, path.stat().st_size)))
    await pacs.close()


async def fetch(pacs: PacsClient, scope: RetrieveScope, listed: Sequence[ListedInstance]) -> list[Arrival]:
    """Retrieve to the end."""
    async with pacs.reader.retrieve(scope, listed) as arrivals:
        return [arrival async for arrival in arrivals]


def read_received(received: ReceivedInstance) -> pydicom.FileDataset:
    """Parse the DICOM file that was received."""
    return pydicom.dcmread(BytesIO(b"".join(received.content.pieces(1 << 20))))


def check_same_object(received: ReceivedInstance, path: Path) -> None:
    """The received file holds the stored object, and its file meta reports the truth (PS3.10 7.1)."""
    stored, dataset = pydicom.dcmread(path), read_received(received)
    assert received.content.size_bytes == sum(len(piece) for piece in received.content.pieces(1000))
    assert dataset.file_meta.TransferSyntaxUID == received.transfer_syntax_uid == stored.file_meta.TransferSyntaxUID
    assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID == received.ref.sop_instance_uid
    assert dataset.file_meta.MediaStorageSOPClassUID == dataset.SOPClassUID == received.sop_class_uid
    assert _elements(dataset) == _elements(stored)


def _elements(dataset: pydicom.FileDataset) -> dict[int, pydicom.DataElement]:
    """All attributes, pixels too, but what senders may leave out: group lengths and padding (PS3.5 7.2, PS3.10 7.2)."""
    return {int(e.tag): e for e in dataset if e.tag.element and e.keyword != "DataSetTrailingPadding"}


def config_of(connection: PacsConnection, name: str = "main") -> PacsConfig:
    """A PacsConfig around a connection, for tests that build an adapter."""
    return PacsConfig("tenant", name, connection, datetime(2026, 1, 1, tzinfo=UTC))


class PacsSuite:
    """The conformance suite."""

    @pytest.fixture
    def studies(self, tmp_path: Path) -> list[Path]:
        """The files that the PACS holds."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [*sample_instances(), greek_instance(tmp_path)]

    @pytest.fixture
    async def pacs(self, studies: list[Path]) -> PacsClient:
        """A client of the PACS; the subclass makes it, and closes it when the test is over."""
        raise RuntimeError("a subclass of PacsSuite overrides the fixture `pacs`")

    # --- echo -----------------------------------------------------------------------------------------------------

    async def test_echo_gives_a_latency(self, pacs: PacsClient) -> None:
        report = await pacs.echo.echo()
        assert report.latency_ms > 0

    # --- query at STUDY level -------------------------------------------------------------------------------------

    async def test_every_study_is_found_once(self, pacs: PacsClient, studies: list[Path]) -> None:
        found = [value(match, STUDY_UID) for match in await find(pacs, QueryLevel.STUDY)]
        assert sorted(map(str, found)) == sorted({str(header(path).StudyInstanceUID) for path in studies})

    async def test_study_by_its_uid(self, pacs: PacsClient, studies: list[Path]) -> None:
        wanted = header(studies[0])
        (match,) = await find(pacs, QueryLevel.STUDY, t0020000d=str(wanted.StudyInstanceUID))
        assert value(match, PATIENT_ID) == wanted.PatientID
        assert value(match, STUDY_DATE) == wanted.StudyDate
        assert value(match, PATIENT_NAME) == {"Alphabetic": str(wanted.PatientName)}
        assert match[STUDY_UID]["vr"] == "UI"

    async def test_studies_by_a_list_of_uids(self, pacs: PacsClient, studies: list[Path]) -> None:
        wanted = {str(header(path).StudyInstanceUID) for path in studies[:2]}
        matches = await find(pacs, QueryLevel.STUDY, t0020000d="\\".join(sorted(wanted)))
        assert {value(match, STUDY_UID) for match in matches} == wanted

    async def test_study_by_wildcard(self, pacs: PacsClient) -> None:
        matches = await find(pacs, QueryLevel.STUDY, t00100010="Doe^P*")
        assert {value(match, PATIENT_ID) for match in matches} == {"98890234"}
        assert len(matches) == 2

    async def test_study_by_date_range(self, pacs: PacsClient) -> None:
        matches = await find(pacs, QueryLevel.STUDY, t00080020="20010101-20030601")
        assert sorted(str(value(match, STUDY_DATE)) for match in matches) == ["20010101", "20010101", "20030505"]

    async def test_no_match_is_an_empty_answer(self, pacs: PacsClient) -> None:
        assert await find(pacs, QueryLevel.STUDY, t00100020="NOBODY") == ()

    async def test_text_is_decoded(self, pacs: PacsClient) -> None:
        (match,) = await find(pacs, QueryLevel.STUDY, t00100020="GREEK")
        assert value(match, PATIENT_NAME) == {"Alphabetic": GREEK_NAME}

    async def test_matches_beyond_the_limit_are_cut_and_reported(self, pacs: PacsClient) -> None:
        result = await pacs.query.find(Query(QueryLevel.STUDY), max_results=2)
        assert len(result.matches) == 2
        assert result.truncated

    async def test_a_limit_that_fits_exactly_cuts_nothing(self, pacs: PacsClient, studies: list[Path]) -> None:
        count = len({header(path).StudyInstanceUID for path in studies})
        result = await pacs.query.find(Query(QueryLevel.STUDY), max_results=count)
        assert len(result.matches) == count
        assert not result.truncated

    # --- query below ----------------------------------------------------------------------------------------------

    async def test_series_of_a_study(self, pacs: PacsClient, studies: list[Path]) -> None:
        wanted = header(studies[4])
        (match,) = await find(pacs, QueryLevel.SERIES, t0020000d=str(wanted.StudyInstanceUID))
        assert value(match, SERIES_UID) == wanted.SeriesInstanceUID
        assert value(match, STUDY_UID) == wanted.StudyInstanceUID
        assert value(match, MODALITY) == wanted.Modality

    async def test_instances_of_a_series(self, pacs: PacsClient, studies: list[Path]) -> None:
        wanted = header(studies[4])
        uids = {"t0020000d": str(wanted.StudyInstanceUID), "t0020000e": str(wanted.SeriesInstanceUID)}
        matches = await find(pacs, QueryLevel.IMAGE, include=[SOP_CLASS], **uids)
        assert {value(m, SOP_UID) for m in matches} == {str(header(path).SOPInstanceUID) for path in studies[4:6]}
        assert {value(m, SOP_CLASS) for m in matches} <= {str(wanted.SOPClassUID), None}  # not every PACS indexes it
        assert {value(m, SERIES_UID) for m in matches} == {str(wanted.SeriesInstanceUID)}

    async def test_instances_of_a_study(self, pacs: PacsClient, studies: list[Path]) -> None:
        matches = await find(pacs, QueryLevel.IMAGE, t0020000d=str(header(studies[4]).StudyInstanceUID))
        assert {value(m, SOP_UID) for m in matches} == {str(header(path).SOPInstanceUID) for path in studies[4:6]}

    async def test_series_by_keys_of_the_study_and_of_the_series(self, pacs: PacsClient, studies: list[Path]) -> None:
        (match,) = await find(pacs, QueryLevel.SERIES, t00100020="98890234", t00080060="MR")
        assert value(match, SERIES_UID) == header(studies[6]).SeriesInstanceUID
        assert value(match, PATIENT_ID) == "98890234"

    async def test_all_series(self, pacs: PacsClient, studies: list[Path]) -> None:
        found = sorted(str(value(match, SERIES_UID)) for match in await find(pacs, QueryLevel.SERIES))
        assert found == sorted({str(header(path).SeriesInstanceUID) for path in studies})

    async def test_numbers_are_numbers(self, pacs: PacsClient, studies: list[Path]) -> None:
        wanted = header(studies[0])
        uids = {"t0020000d": str(wanted.StudyInstanceUID), "t0020000e": str(wanted.SeriesInstanceUID)}
        (match,) = await find(pacs, QueryLevel.IMAGE, include=["00200013"], **uids)
        assert value(match, "00200013") == int(wanted.InstanceNumber)

    # --- retrieve -------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("index", range(len(_SAMPLES)), ids=_SAMPLES)
    async def test_an_instance_comes_as_it_is_stored(self, pacs: PacsClient, studies: list[Path], index: int) -> None:
        listed = listed_instance(studies[index])
        ref = listed.ref
        scope = RetrieveScope(ref.study_instance_uid, ref.series_instance_uid, ref.sop_instance_uid)
        (received,) = await fetch(pacs, scope, [listed])
        assert isinstance(received, ReceivedInstance)
        assert received.ref == ref
        check_same_object(received, studies[index])

    async def test_a_series_comes_whole(self, pacs: PacsClient, studies: list[Path]) -> None:
        listed = [listed_instance(path) for path in studies[4:6]]
        scope = RetrieveScope(listed[0].ref.study_instance_uid, listed[0].ref.series_instance_uid)
        arrivals = await fetch(pacs, scope, listed)
        assert {arrival.ref for arrival in arrivals} == {item.ref for item in listed}
        assert len(arrivals) == 2

    async def test_a_study_comes_whole(self, pacs: PacsClient, studies: list[Path]) -> None:
        listed = [listed_instance(path) for path in studies[4:6]]
        arrivals = await fetch(pacs, RetrieveScope(listed[0].ref.study_instance_uid), listed)
        assert {arrival.ref for arrival in arrivals} == {item.ref for item in listed}
        assert all(isinstance(arrival, ReceivedInstance) for arrival in arrivals)

    async def test_leaving_early_lets_the_next_retrieve_go_on(self, pacs: PacsClient, studies: list[Path]) -> None:
        listed = [listed_instance(path) for path in studies[4:6]]
        scope = RetrieveScope(listed[0].ref.study_instance_uid)
        for _ in range(6):
            async with pacs.reader.retrieve(scope, listed) as arrivals:
                assert await anext(arrivals)
        assert len(await fetch(pacs, scope, listed)) == 2
