"""The same searches of the same studies through every adapter, compared with PS3.4 C.2.2.2 written plainly.

RADGATE_TEST_SEARCHES sets how many (250; some 40 ms each), RADGATE_TEST_SEED which.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence

from radgate_server.core.access.tenancy import Tenant
from radgate_server.core.dicom.data_sets import first_value
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.errors import PacsError
from radgate_server.core.pacs.connections import FolderConnection, PacsConfig
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.query.attributes import canonical_keys, parse_attribute_path, parse_match_value
from radgate_server.core.query.model import FindResult, MatchingKey, Query
from radgate_server.core.query.return_attributes import UNIQUE_KEYS
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.query.fan_out import AskLimits, PacsAnswer, ask_all
from radgate_server.services.query.search import Page, QueryService, RememberLimits
from tests.fakes.clock import START, FakeClock
from tests.fakes.directory import MemoryDirectory
from tests.fakes.instances import encode, make_dataset
from tests.integration.every_adapter import every_adapter, orthanc_with
from tests.integration.orthanc import OrthancServer
from tests.integration.plain_matching import fits

SEARCHES = int(os.environ.get("RADGATE_TEST_SEARCHES", "250"))
SEED = int(os.environ.get("RADGATE_TEST_SEED", "38"))
STUDIES = 24
AT_ONCE = 4
EXACT = ("folder", "Orthanc")
"""Adapters that match all keys themselves, so that none is left unchecked."""
MOST_UNCHECKED = 0.1
"""Of the others' answers, so many may have a match without the attribute that was asked for, and say so."""
STUDY, SERIES, IMAGE = QueryLevel

NAMES = (
    "Doe^John", "DOE^JANE^^DR", "Doering^Uwe", "doe", "Müller^Jürgen", "Διονυσιος^Νίκη",
    "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "Иванов^Пётр", "O'Neil^Mc Donald", "", None,
)  # fmt: skip
OF_STUDY: Mapping[str, tuple[object, ...]] = {
    "PatientName": NAMES,
    "PatientID": ("P1", "P2", "p1", "P 1", "P-1/2", "P10"),
    "IssuerOfPatientID": ("HOSPITAL A", "B", None),
    "PatientBirthDate": ("19600229", "20000101", "", None),
    "PatientSex": ("F", "M", "O", ""),
    "PatientAge": ("045Y", "006M", None),
    "PatientWeight": ("70", "70.0", "81.5", None),
    "StudyDate": ("20200101", "20201231", "20210615", "19991231", ""),
    "StudyTime": ("08", "0830", "083015", "120000", "125959.999", "235959", "101112.5", "", None),
    "AccessionNumber": ("A-1", "A-2", "a-1", "", "B 7"),
    "StudyDescription": ("Thorax", "THORAX", "Kopf & Hals", "Θώρακας", "100% [Knee]", "", None),
    "StudyID": ("S1", "S2", ""),
    "ReferringPhysicianName": ("Referrer^Rita", "Älter^Ärztin", "", None),
}
OF_SERIES: Mapping[str, tuple[object, ...]] = {
    "Modality": ("CT", "MR", "SR", "US"),
    "SeriesNumber": ("1", "2", "03", "+4", "12", None),
    "SeriesDescription": ("Axial", "axial 5mm", "Überblick", "", None),
    "SeriesDate": ("20200101", "20200102", None),
    "SeriesTime": ("0815", "081559", "12", None),
    "BodyPartExamined": ("HEAD", "CHEST", None),
    "Manufacturer": ("ACME", "Röntgen AG", None),
    "PerformedProcedureStepStartDate": ("20200101", "20200103", None),
    "FrameOfReferenceUID": ("2.25.5", "2.25.6", None),
}
OF_IMAGE: Mapping[str, tuple[object, ...]] = {
    "InstanceNumber": ("1", "2", "007", "10"),
    "SOPClassUID": ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"),
    "ContentDate": ("20200101", "20200202"),
    "ContentTime": ("10", "101112", "101112.25"),
    "AcquisitionDateTime": ("20200101101112", "202001", "20200101101112.5+0200", "20200101091112-0500", None),
    "ImageType": (["ORIGINAL", "PRIMARY"], ["DERIVED", "SECONDARY", "MPR"], None),
    "SliceThickness": ("1", "1.0", "2.5", None),
    "WindowCenter": (["40", "400"], "50", None),
    "ImageComments": ("good", "a\\b", "schön", None),
    "Rows": (2, 4),
    "AcquisitionDuration": (1.5, 2.0, None),
}
STEPS, CODES = ("STEP1", "STEP2", "step3"), ("CODE1", "CODE2")


def data_set(chance: random.Random, study: int, number: int, image: int, common: Mapping[str, object]) -> Dataset:
    uid = f"2.25.38{study:02d}"
    dataset = make_dataset(uid, f"{uid}.{number}", f"{uid}.{number}.{image}", rows=2, columns=2)
    own = {keyword: chance.choice(values) for keyword, values in OF_IMAGE.items()}
    dataset.SpecificCharacterSet = character_set([*common.values(), *own.values()]) if study % 7 else "ISO_IR 192"
    for keyword, value in {**common, **own}.items():
        if value is None:
            if keyword in dataset:
                del dataset[keyword]
        else:
            setattr(dataset, keyword, value)
    dataset.Columns = 2
    dataset.PixelData = bytes(dataset.Rows * dataset.Columns * dataset.BitsAllocated // 8)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    return dataset


def character_set(values: Iterable[object]) -> str | list[str]:
    """The narrowest that holds all of the text."""
    text = "".join(value for value in values if isinstance(value, str))
    for codec, terms in (("latin-1", "ISO_IR 100"), ("iso2022_jp", ["", "ISO 2022 IR 87"])):
        with suppress(UnicodeEncodeError):
            text.encode(codec)
            return terms
    return "ISO_IR 192"


def codes(chance: random.Random) -> DicomSequence | None:
    items = []
    for _ in range(chance.choice((0, 1, 2))):
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator = chance.choice(CODES), chance.choice(("99R", "99S"))
        items.append(item)
    return DicomSequence(items) if items else None


def steps(chance: random.Random) -> DicomSequence | None:
    items = []
    for _ in range(chance.choice((0, 1, 1, 2))):
        item = Dataset()
        item.ScheduledProcedureStepID, item.RequestedProcedureID = chance.choice(STEPS), chance.choice(("R1", "R2"))
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator = chance.choice(CODES), "99R"
        item.ScheduledProtocolCodeSequence = [code]
        items.append(item)
    return DicomSequence(items) if items else None


def make_studies() -> list[Dataset]:
    chance = random.Random(38)
    found = []
    for study in range(1, STUDIES + 1):
        of_study: dict[str, object] = {keyword: chance.choice(values) for keyword, values in OF_STUDY.items()}
        of_study["PatientName"] = NAMES[study % len(NAMES)]
        of_study["ProcedureCodeSequence"] = codes(chance)
        of_study["PatientID"] = f"{of_study['PatientID']}" if study % 3 else f"P-{study}"
        for number in range(1, chance.choice((1, 2, 3)) + 1):
            of_series = {keyword: chance.choice(values) for keyword, values in OF_SERIES.items()}
            of_series["RequestAttributesSequence"] = steps(chance)
            found += [data_set(chance, study, number, image, {**of_study, **of_series}) for image in (1, 2)]
    return found


@dataclass(frozen=True)
class Asked:
    """A search: its level and keys by keyword."""

    level: QueryLevel
    keys: Mapping[str, str]

    def query(self) -> Query:
        paths = {parse_attribute_path(path, "key"): value for path, value in self.keys.items()}
        keys = [MatchingKey(path, parse_match_value(path, value, "key")) for path, value in paths.items()]
        return Query(self.level, canonical_keys(keys, "keys"))


RANGES = {
    "PatientBirthDate": ("19600229", "19600101-19991231", "-20000101", "20000101-"),
    "StudyDate": ("20200101", "20200101-20201231", "20200615-", "-20200101", "*"),
    "StudyTime": ("08", "0830", "083015", "08-12", "0830-125959", "-12", "10-", "12-12", "101112", "08-083014", "*"),
    "SeriesDate": ("20200101", "20200101-20200102", "-20200101"),
    "SeriesTime": ("08", "0815", "08-12", "-08", "081559-"),
    "PerformedProcedureStepStartDate": ("20200101", "20200102-"),
    "ContentDate": ("20200101", "20200102-"),
    "ContentTime": ("10", "1011", "101112", "10-10", "101112.25", "101112.1-"),
    "AcquisitionDateTime": ("2020", "202001-202002", "20200101101112", "-2019",
        "20200101081112+0000-20200101081113+0000"),
}  # fmt: skip
OTHER_KEYS: Mapping[str, tuple[str, ...]] = {
    "PatientName": (
        "*", "Doe*", "DOE^*", "doe^john", "Doe", "Doe^J?hn", "*Neil*", "Müller*", "mÜLLER^JÜRGEN", "Διονυσιος*",
        "山田*",
        "Yamada*", "Yamada^Tarou=山田^太郎", "=山田*", "Иванов^*", "Doe*\\Müller*", "*^Jane*",
    ),
    "PatientID": ("P1", "P*", "P?", "P 1", "P1\\P2", "P-1/2", "*1", "P-*"),
    "StudyDescription": ("Thorax", "T*", "Kopf & Hals", "Θώρ*", "100% [Knee]", "*[K*", "Thorax\\Kopf*", "*"),
    "ModalitiesInStudy": ("CT", "CT,MR", "CT\\SR", "M?", "US,SR,CT"),
    "Modality": ("CT", "CT,MR", "*R"),
    "SeriesNumber": ("1", "3", "4", "12", "1\\2"),
    "InstanceNumber": ("1", "7", "10"),
    "SliceThickness": ("1", "1.00", "2.5"),
    "WindowCenter": ("40", "400", "50.0"),
    "ImageType": ("PRIMARY", "DERIVED", "MPR,PRIMARY", "ORIG*"),
    "ImageComments": ("good", "a\\b", "sch*"),
    "PatientWeight": ("70", "81.5"),
    "NumberOfStudyRelatedSeries": ("1", "2"),
    "ProcedureCodeSequence.CodeValue": ("CODE1", "CODE2", "CODE3"),
    "ProcedureCodeSequence.CodingSchemeDesignator": ("99R", "99?"),
    "RequestAttributesSequence.ScheduledProcedureStepID": ("STEP1", "STEP?", "STEP9", "STEP1\\STEP2"),
    "RequestAttributesSequence.RequestedProcedureID": ("R1", "R2", ""),
    "RequestAttributesSequence.ScheduledProtocolCodeSequence.CodeValue": ("CODE1", "CODE*"),
}  # fmt: skip


def value_for(chance: random.Random, keyword: str, values: Mapping[str, tuple[object, ...]]) -> str:
    if keyword in RANGES and chance.random() < 0.9:
        return chance.choice(RANGES[keyword])
    if keyword in OTHER_KEYS and chance.random() < 0.8:
        return chance.choice(OTHER_KEYS[keyword])
    some = chance.choice(values.get(keyword, ("",)))
    return "\\".join(some) if isinstance(some, list) else "" if some is None else str(some)


def make_search(chance: random.Random) -> Asked:
    level = chance.choice((STUDY, STUDY, SERIES, IMAGE))
    tables = {STUDY: OF_STUDY, SERIES: OF_SERIES, IMAGE: OF_IMAGE}
    keys: dict[str, str] = {}
    if level is IMAGE or (level is SERIES and chance.random() < 0.6):
        keys["StudyInstanceUID"] = f"2.25.38{chance.randint(1, STUDIES):02d}"
    elif chance.random() < 0.1:
        keys["StudyInstanceUID"] = ",".join(f"2.25.38{chance.randint(1, STUDIES):02d}" for _ in range(3))
    choices = list(tables[level]) * 3
    if level is STUDY:
        choices += ["ModalitiesInStudy", "ModalitiesInStudy", "Modality", "NumberOfStudyRelatedSeries"]
        choices += [name for name in OTHER_KEYS if name.startswith("Procedure")] * 2
    else:
        choices += list(OF_STUDY)
    if level is SERIES:
        choices += [name for name in OTHER_KEYS if name.startswith("Request")] * 2
    for _ in range(chance.choice((0, 1, 1, 1, 2, 2, 3))):
        keyword = chance.choice(choices)
        keys[keyword] = value_for(chance, keyword, tables[level] if keyword in tables[level] else OF_STUDY)
    return Asked(level, keys)


class Reference:
    """What PS3.4 C.2.2.2 finds in the data sets."""

    def __init__(self, datasets: list[Dataset]) -> None:
        self._entities: dict[QueryLevel, dict[str, Dataset]] = {STUDY: {}, SERIES: {}, IMAGE: {}}
        for dataset in datasets:
            for level, uid in zip(
                QueryLevel, (dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID), strict=True
            ):
                self._entities[level].setdefault(uid, dataset)
        for uid, entity in self._entities[STUDY].items():
            of_study = [one for one in self._entities[SERIES].values() if one.StudyInstanceUID == uid]
            described = pydicom.Dataset(entity)
            described.ModalitiesInStudy = sorted({one.Modality for one in of_study})
            described.NumberOfStudyRelatedSeries = len(of_study)
            self._entities[STUDY][uid] = described

    def find(self, asked: Asked, *, generous: bool) -> set[str]:
        keys = {
            "ModalitiesInStudy" if path == "Modality" and asked.level is STUDY else path: value.replace(",", "\\")
            if path in ("ModalitiesInStudy", "Modality", "ImageType", "StudyInstanceUID")
            else value
            for path, value in asked.keys.items()
        }
        entities = self._entities[asked.level]
        return {uid for uid, entity in entities.items() if fits(entity, keys, generous=generous)}


@pytest.fixture(scope="module")
def datasets() -> list[Dataset]:
    return make_studies()


def test_the_studies_are_in_several_character_sets(datasets: list[Dataset]) -> None:
    beyond_ascii = (one for one in datasets if not str(one.get("PatientName", "")).isascii())
    assert {str(one.SpecificCharacterSet) for one in beyond_ascii} == {
        "ISO_IR 100",
        "ISO_IR 192",
        "['', 'ISO 2022 IR 87']",
    }


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, datasets: list[Dataset]) -> list[Path]:
    folder = tmp_path_factory.mktemp("files")
    paths = [folder / f"{dataset.SOPInstanceUID}.dcm" for dataset in datasets]
    for path, dataset in zip(paths, datasets, strict=True):
        path.write_bytes(encode(dataset))
    return paths


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory, files: list[Path]) -> Iterator[OrthancServer]:
    with orthanc_with(files, tmp_path_factory.mktemp("orthanc")) as server:
        yield server


@pytest.fixture
async def every_pacs(
    orthanc: OrthancServer, files: list[Path], tmp_path: Path
) -> AsyncIterator[Mapping[str, PacsClient]]:
    async with every_adapter(orthanc, files, tmp_path) as clients:
        yield clients


async def test_every_adapter_answers_as_the_standard_says(
    every_pacs: Mapping[str, PacsClient], datasets: list[Dataset]
) -> None:
    chance, reference = random.Random(SEED), Reference(datasets)
    searches = [make_search(chance) for _ in range(SEARCHES)]
    wrong = await asyncio.gather(*(compare(name, pacs, searches, reference) for name, pacs in every_pacs.items()))
    assert not (texts := [text for some in wrong for text in some]), "\n".join(texts[:40])


ARCHIVE_WIDE = (
    Asked(IMAGE, {}),
    Asked(SERIES, {}),
    Asked(IMAGE, {"Modality": "CT", "InstanceNumber": "1"}),
    Asked(SERIES, {"PatientName": "Doe*", "Modality": "CT,MR"}),
)


@pytest.mark.parametrize("name", ["folder", "C-GET", "DICOMweb", "Orthanc", "all of them"])
async def test_pages_of_an_archive_wide_search_make_up_the_whole_answer(
    every_pacs: Mapping[str, PacsClient], datasets: list[Dataset], name: str
) -> None:
    chosen = [replace(client, name=key.lower()) for key, client in every_pacs.items() if name in (key, "all of them")]
    reference = Reference(datasets)
    for asked in ARCHIVE_WIDE:
        wanted = sorted(reference.find(asked, generous=True))
        assert sorted(await paged(await search_service(chosen), asked, 7)) == wanted, asked
        two_servers = [await search_service(chosen), await search_service(chosen)]
        assert sorted(await paged(two_servers[0], asked, 20, second=two_servers[1])) == wanted, asked


async def search_service(clients: Iterable[PacsClient]) -> QueryService:
    directory, by_name = MemoryDirectory(), {client.name: client for client in clients}
    await directory.create_tenant(Tenant("t", START))
    for name in by_name:
        await directory.create_pacs(PacsConfig("t", name, FolderConnection("/unused"), START))
    known = PacsClients(directory, {"folder": lambda config: by_name[config.name]})
    return QueryService(known, AskLimits(1000, 60), RememberLimits(5, 300), FakeClock())


async def paged(first: QueryService, asked: Asked, size: int, *, second: QueryService | None = None) -> list[str]:
    """All that is found page by page, at the second server after the first page."""
    page = await first.search("t", asked.query(), Page(0, size))
    found = [*page.matches]
    while page.has_more:
        page = await (second or first).search("t", asked.query(), Page(len(found), size))
        found += page.matches
    return [first_value(match.attributes, UNIQUE_KEYS[asked.level]) for match in found]


async def test_what_is_of_the_study_and_of_its_series_is_matched_together(
    every_pacs: Mapping[str, PacsClient], datasets: list[Dataset]
) -> None:
    open_below = Asked(STUDY, {"NumberOfStudyRelatedSeries": "2", "SeriesNumber": "", "Modality": ""})
    wanted = Reference(datasets).find(Asked(STUDY, {"NumberOfStudyRelatedSeries": "2"}), generous=False)
    for name, pacs in every_pacs.items():
        (answer,) = await ask_all([pacs], open_below.query(), AskLimits(1000, 60))
        assert isinstance(answer.result, FindResult)
        assert {first_value(match, UNIQUE_KEYS[STUDY]) for match in answer.result.matches} == wanted, name
    matched_below = Asked(STUDY, {"NumberOfStudyRelatedSeries": "2", "SeriesNumber": "1"})
    found = [
        {first_value(match, UNIQUE_KEYS[STUDY]) for match in result.matches}
        for result in [await every_pacs[name].query.find(matched_below.query(), max_results=1000) for name in EXACT]
    ]
    assert found[0] == found[1] != set()


async def compare(name: str, pacs: PacsClient, searches: list[Asked], reference: Reference) -> list[str]:
    gate, wrong, unchecked = asyncio.Semaphore(AT_ONCE), [], 0

    async def one(asked: Asked) -> None:
        nonlocal unchecked
        async with gate:
            try:
                (answer,) = await ask_all([pacs], asked.query(), AskLimits(1000, 60))
            except PacsError as error:
                wrong.append(f"{name} {asked}: {error!r}")
                return
        unchecked += bool(answer.unchecked)
        if text := judge(asked, answer, reference):
            wrong.append(f"{name} {asked.level} {dict(asked.keys)}: {text}")

    await asyncio.gather(*map(one, searches))
    if unchecked > len(searches) * (0 if name in EXACT else MOST_UNCHECKED):
        wrong.append(f"{name}: {unchecked} of {len(searches)} answers were not checked")
    return wrong


def judge(asked: Asked, answer: PacsAnswer, reference: Reference) -> str:
    """What is wrong with the answer, "" for nothing. Without a warning nothing may be there that does not match."""
    assert not isinstance(answer.result, PacsError)
    found = {first_value(match, UNIQUE_KEYS[asked.level]) for match in answer.result.matches}
    wanted, allowed = (reference.find(asked, generous=generous) for generous in (False, True))
    if missing := wanted - found:
        return f"lacks {sorted(missing)[:3]} of {len(wanted)}"
    if (strange := found - allowed) and not answer.unchecked:
        return f"has {sorted(strange)[:3]}, {len(strange)} of {len(found)}"
    return ""
