"""Walking queries down the levels."""

from collections.abc import Mapping

from radgate_server.adapters.pacs.dimse.find.hierarchy import Keys, plan, walk
from radgate_server.core.dicom.data_sets import DicomJson, TagPath
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.query.model import FindResult, MatchingKey, Query

STUDY, SERIES, IMAGE = QueryLevel
STUDY_UID, SERIES_UID, SOP_UID = ("0020000D",), ("0020000E",), ("00080018",)
PATIENT_ID, MODALITY, MODALITIES = ("00100020",), ("00080060",), ("00080061",)
SOP_CLASS = ("00080016",)


def query(level: QueryLevel, keys: Mapping[TagPath, str] | None = None, *include: TagPath, **flags: bool) -> Query:
    return Query(level, tuple(MatchingKey(path, value) for path, value in (keys or {}).items()), include, **flags)


def uid_match(tag: str, uid: str) -> DicomJson:
    return {tag: {"vr": "UI", "Value": [uid]}}


class Archive:
    """Studies of series of instances; remembers what it was asked."""

    def __init__(self, studies: Mapping[str, Mapping[str, list[str]]]) -> None:
        self._studies = studies
        self.asked: list[tuple[QueryLevel, Keys]] = []

    def ask(self, level: QueryLevel, keys: Keys, max_results: int) -> FindResult:
        self.asked.append((level, keys))
        study, series = keys.get(STUDY_UID, ""), keys.get(SERIES_UID, "")
        if level is STUDY:
            matches = [uid_match("0020000D", uid) for uid in self._studies]
        elif level is SERIES:
            matches = [uid_match("0020000E", uid) for uid in self._studies[study]]
        else:
            matches = [uid_match("00080018", uid) for uid in self._studies[study][series]]
        return FindResult(tuple(matches[:max_results]), truncated=len(matches) > max_results)


def test_a_study_query_is_one_step() -> None:
    (step,) = plan(query(STUDY, {PATIENT_ID: "1"}))
    assert step.level is STUDY
    assert step.keys[PATIENT_ID] == "1"
    assert step.keys[STUDY_UID] == ""
    assert step.keys[("00201208",)] == ""


def test_modality_of_a_study_is_one_of_its_modalities() -> None:
    (step,) = plan(query(STUDY, {MODALITY: "CT"}))
    assert step.keys[MODALITIES] == "CT"
    assert MODALITY not in step.keys


def test_series_of_one_study_are_one_step() -> None:
    assert [step.level for step in plan(query(SERIES, {STUDY_UID: "1.2"}))] == [SERIES]


def test_keys_above_the_level_are_asked_there() -> None:
    upper, lower = plan(query(SERIES, {STUDY_UID: "1.2", PATIENT_ID: "1", MODALITY: "CT"}))
    assert (upper.level, upper.keys) == (STUDY, {STUDY_UID: "1.2", PATIENT_ID: "1"})
    assert lower.keys[MODALITY] == "CT"
    assert PATIENT_ID not in lower.keys


def test_a_list_of_uids_pins_nothing_down() -> None:
    steps = plan(query(SERIES, {STUDY_UID: "1.2\\1.3"}))
    assert [step.level for step in steps] == [STUDY, SERIES]
    assert steps[0].keys[STUDY_UID] == "1.2\\1.3"


def test_only_included_asks_for_little() -> None:
    (step,) = plan(query(IMAGE, {STUDY_UID: "1", SERIES_UID: "2"}, SOP_CLASS, only_included=True))
    assert step.keys == {SOP_UID: "", SOP_CLASS: ""}


def test_include_all_asks_for_more_than_the_standard_attributes() -> None:
    usual, everything = plan(query(STUDY))[0], plan(query(STUDY, include_all=True))[0]
    assert set(usual.keys) < set(everything.keys)
    assert ("00102180",) in everything.keys


def test_instances_of_a_study_are_walked_through_its_series() -> None:
    archive = Archive({"1": {"1.1": ["1.1.1", "1.1.2"], "1.2": ["1.2.1"]}})
    result = walk(query(IMAGE, {STUDY_UID: "1"}, only_included=True), archive.ask, 10)
    assert [level for level, _ in archive.asked] == [SERIES, IMAGE, IMAGE]
    assert [match["00080018"]["Value"] for match in result.matches] == [["1.1.1"], ["1.1.2"], ["1.2.1"]]
    assert {tuple(match["0020000D"]["Value"]) for match in result.matches} == {("1",)}
    assert not result.truncated


def test_a_walk_stops_at_one_more_than_wanted() -> None:
    archive = Archive({str(number): {f"{number}.1": []} for number in range(1, 100)})
    result = walk(query(SERIES), archive.ask, 3)
    assert len(result.matches) == 3
    assert result.truncated
    assert len(archive.asked) == 1 + 3  # the studies are cut at 3 already


def test_what_fits_exactly_is_not_cut() -> None:
    archive = Archive({"1": {"1.1": []}, "2": {"2.1": []}})
    assert not walk(query(SERIES), archive.ask, 2).truncated


def test_what_has_no_uid_to_look_below_is_counted() -> None:
    def ask(level: QueryLevel, _keys: Keys, _max_results: int) -> FindResult:
        return FindResult(({"00080060": {"vr": "CS", "Value": ["CT"]}},) if level is SERIES else ())

    result = walk(query(IMAGE, {STUDY_UID: "1.2"}), ask, 10)
    assert (result.matches, result.malformed) == ((), 1)
