"""One study through every adapter: the same pixels, the same metadata, the same answers to queries."""

import json
import warnings
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.dicom.identifiers import QueryLevel, RetrieveScope
from radgate_server.core.dicom.indexing import build_index, read_spans
from radgate_server.core.dicom.instance_index import FrameTable
from radgate_server.core.dicom.instances import ReceivedInstance
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.query.model import MatchingKey, Query
from radgate_server.core.query.return_attributes import UNIQUE_KEYS
from tests.conformance.pacs_suite import fetch, listed_instance
from tests.fakes.memory_pacs import MemoryPacs
from tests.integration.every_adapter import every_adapter, orthanc_with
from tests.integration.orthanc import OrthancServer

STUDY = "2.25.71"
NAME = "Διονυσιος^Νίκη"
FILES = (
    # Private elements, many frames, every family of transfer syntaxes, no pixels.
    # Not big endian, which is retired: DIMSE has no context left for it when there are so many SOP Classes.
    "CT_small.dcm",
    "MR-SIEMENS-DICOM-WithOverlays.dcm",
    "emri_small.dcm",
    "emri_small_RLE.dcm",
    "rtdose.dcm",
    "MR_small_implicit.dcm",
    "MR_small_RLE.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "reportsi.dcm",
    "waveform_ecg.dcm",
)
GREEK, UTF_8 = "ISO_IR 126", "ISO_IR 192"


def member(name: str, number: int) -> Dataset:
    """The file as an instance of the study, in a series of its own, every other one in UTF-8."""
    dataset = pydicom.dcmread(str(get_testdata_file(name, download=False)))
    dataset.decode()
    dataset.SpecificCharacterSet = UTF_8 if number % 2 else GREEK
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = NAME, "ALIKE", "19600229"
    dataset.StudyDate, dataset.StudyTime, dataset.StudyID, dataset.AccessionNumber = "20260102", "101112", "S", "A-1"
    dataset.StudyDescription, dataset.ReferringPhysicianName = "Θώρακας", "Referrer^Rita"
    dataset.PatientSex, dataset.TimezoneOffsetFromUTC = "O", "+0200"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = STUDY, f"{STUDY}.{number}"
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"{STUDY}.{number}.1"
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.SeriesNumber, dataset.InstanceNumber = number, 1
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        dataset["PixelData"].VR = "OB"  # as PS3.5 A.4 wants it; some files say OW, which DCMTK puts right
    add_private(dataset, depth=2)
    return dataset


def add_private(dataset: Dataset, depth: int) -> None:
    """Private elements, and as many private sequences within one another."""
    block = dataset.private_block(0x0099, "RADGATE TEST", create=True)
    block.add_new(0x01, "LO", "Ιδιωτικό")
    block.add_new(0x02, "OB", bytes(range(8)))
    if depth:
        item = Dataset()
        add_private(item, depth - 1)
        block.add_new(0x03, "SQ", [item])


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("originals")
    paths = [folder / f"{number}.dcm" for number in range(1, len(FILES) + 1)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, (name, path) in enumerate(zip(FILES, paths, strict=True), 1):
            member(name, number).save_as(path)
    return paths


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory, originals: list[Path]) -> Iterator[OrthancServer]:
    with orthanc_with(originals, tmp_path_factory.mktemp("orthanc")) as server:
        yield server


@pytest.fixture
async def every_pacs(
    orthanc: OrthancServer, originals: list[Path], tmp_path: Path
) -> AsyncIterator[Mapping[str, PacsClient]]:
    """Clients by the adapter's name; the first one is what the others are compared with."""
    async with every_adapter(orthanc, originals, tmp_path) as clients:
        yield {"memory": MemoryPacs(path.read_bytes() for path in originals).client, **clients}


@dataclass(frozen=True)
class Inside:
    """What matters of an instance, wherever its bytes lie."""

    transfer_syntax_uid: str
    attributes: Mapping[str, Any]
    number_of_frames: int
    frames: list[bytes]
    bulk: Mapping[str, bytes]


def inside(file: bytes) -> Inside:
    data = memoryview(file)
    index = build_index(data)
    table = index.frame_table or FrameTable(0, encapsulated=False, frames=())
    return Inside(
        index.transfer_syntax_uid,
        {tag: element for tag, element in json.loads(index.metadata).items() if not may_differ(tag)},
        table.number_of_frames,
        [read_spans(data, spans) for spans in table.frames],
        {path: read_spans(data, item.spans) for path, item in index.bulk.items()},
    )


def may_differ(tag: str) -> bool:
    """Group lengths are retired (PS3.5 7.2), and padding means nothing (PS3.10 7.2): DCMTK sends neither of them."""
    return tag.endswith("0000") or tag == "FFFCFFFC"


async def test_pixels_and_metadata_are_the_same(every_pacs: Mapping[str, PacsClient], originals: list[Path]) -> None:
    listed = [listed_instance(path) for path in originals]
    names = dict(zip((item.ref for item in listed), FILES, strict=True))
    stored = {names[item.ref]: inside(path.read_bytes()) for item, path in zip(listed, originals, strict=True)}
    assert {len(instance.frames) for instance in stored.values()} >= {0, 1, 10, 15}
    for adapter, pacs in every_pacs.items():
        came: dict[str, Inside] = {}
        for arrival in await fetch(pacs, RetrieveScope(STUDY), listed):
            assert isinstance(arrival, ReceivedInstance), adapter
            came[names[arrival.ref]] = inside(b"".join(arrival.content.pieces(1 << 20)))
        assert sorted(came) == sorted(FILES), adapter
        for name, instance in came.items():
            assert instance == stored[name], f"{name} through {adapter}"


@pytest.mark.parametrize(
    ("level", "at_least"),
    [
        (QueryLevel.STUDY, "00080020 00080030 00080050 00080061 00080090 00081030 00100010 00100020 00100030 00100040"),
        (QueryLevel.SERIES, "00080060 0020000D 0020000E 00200011 00201209"),
        (QueryLevel.IMAGE, "00080016 00080018 0020000D 0020000E 00200013"),
    ],
)
async def test_answers_are_the_same(every_pacs: Mapping[str, PacsClient], level: QueryLevel, at_least: str) -> None:
    """As far as all know an attribute. An empty one says that the PACS does not."""
    query = Query(level, (MatchingKey(("0020000D",), STUDY),))
    answers = [await known(pacs, query) for pacs in every_pacs.values()]
    first = answers[0]
    assert len(first) == (1 if level is QueryLevel.STUDY else len(FILES))
    shared_by_all: set[str] = set()
    for adapter, answer in zip(every_pacs, answers, strict=True):
        assert set(answer) == set(first), adapter
        for uid, match in answer.items():
            shared = set.intersection(*(set(other[uid]) for other in answers))
            shared_by_all |= shared
            assert {tag: match[tag] for tag in shared} == {tag: first[uid][tag] for tag in shared}, adapter
    assert shared_by_all >= set(at_least.split())


async def known(pacs: PacsClient, query: Query) -> dict[str, DicomJson]:
    """What the PACS answers, by the UID; elements without a value left out."""
    result = await pacs.query.find(query, max_results=100)
    return {
        match[UNIQUE_KEYS[query.level]]["Value"][0]: {
            tag: element for tag, element in match.items() if "Value" in element
        }
        for match in result.matches
    }


@pytest.mark.parametrize("key", [("00100010", "διονυσιος*"), ("00100010", "Διονυσιος^*"), ("00081030", "Θώρ*")])
async def test_greek_is_found(every_pacs: Mapping[str, PacsClient], key: tuple[str, str]) -> None:
    query = Query(QueryLevel.STUDY, (MatchingKey((key[0],), key[1]),))
    for adapter, pacs in every_pacs.items():
        (match,) = (await pacs.query.find(query, max_results=10)).matches
        assert match["00100010"]["Value"] == [{"Alphabetic": NAME}], adapter
