import json

import pytest

from radgate.v1.dicom_pb2 import MatchKey
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.query.model import MatchingKey
from radgate_server.rpc.v1.convert.common import to_instance, to_query, to_series, to_study
from radgate_server.services.query.merging import SourcedMatch

ATTRIBUTES = {
    "0020000D": {"vr": "UI", "Value": ["1.2"]},
    "0020000E": {"vr": "UI", "Value": ["1.2.3"]},
    "00080018": {"vr": "UI", "Value": ["1.2.3.4"]},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}]},
    "00100020": {"vr": "LO"},
    "00080061": {"vr": "CS", "Value": ["CT", None, "SR"]},
    "00201206": {"vr": "IS", "Value": [2]},
    "00201208": {"vr": "IS", "Value": ["many"]},
    "00200011": {"vr": "IS", "Value": ["-7"]},
    "00200013": {"vr": "IS", "Value": [2**40]},
    "00280010": {"vr": "US", "Value": [512]},
}
MATCH = SourcedMatch(ATTRIBUTES, ("main", "old"))


def test_a_study_has_what_the_pacs_reported_and_nothing_else() -> None:
    study = to_study(MATCH)
    assert (study.study_instance_uid, study.patient_id, study.study_date) == ("1.2", "", "")
    assert (study.patient_name.alphabetic, study.patient_name.ideographic) == ("Yamada^Tarou", "山田^太郎")
    assert not study.HasField("referring_physician_name")
    assert list(study.modalities_in_study) == ["CT", "SR"]
    assert study.number_of_study_related_series == 2
    assert not study.HasField("number_of_study_related_instances")
    assert list(study.pacs) == ["main", "old"]
    character_set = {"00080005": {"vr": "CS", "Value": ["ISO_IR 192"]}}
    assert json.loads(study.dicom_json) == ATTRIBUTES | character_set
    assert "山田" in study.dicom_json


def test_numbers_that_are_none_or_do_not_fit_stay_unset() -> None:
    series, instance = to_series(MATCH), to_instance(MATCH)
    assert (series.series_instance_uid, series.series_number) == ("1.2.3", -7)
    assert (instance.sop_instance_uid, instance.rows) == ("1.2.3.4", 512)
    assert not instance.HasField("instance_number")
    assert not instance.HasField("number_of_frames")


def test_equal_searches_are_equal_queries() -> None:
    name, uid = MatchKey(attribute="PatientName", value="A*"), MatchKey(attribute="0020000E", value="1.3,1.4")
    parents = {"study_instance_uid": ("0020000D", "1.2"), "series_instance_uid": ("0020000E", "")}
    one = to_query(QueryLevel.IMAGE, [name, uid], ["Rows", "all", "00280011"], fuzzy_matching=True, parents=parents)
    two = to_query(QueryLevel.IMAGE, [uid, name], ["Columns", "ALL", "Rows"], fuzzy_matching=True, parents=parents)
    assert one == two
    assert one.keys == (
        MatchingKey(("00100010",), "A*"),
        MatchingKey(("0020000D",), "1.2"),
        MatchingKey(("0020000E",), "1.3\\1.4"),
    )
    assert (one.include, one.include_all) == ((("00280010",), ("00280011",)), True)


@pytest.mark.parametrize(
    ("key", "include", "study", "field"),
    [
        (MatchKey(attribute="Nonsense"), [], "", "keys[0].attribute"),
        (MatchKey(attribute="StudyDate", value="yesterday"), [], "", "keys[0].value"),
        (MatchKey(attribute="StudyInstanceUID", value="1.3"), [], "1.2", "keys"),
        (MatchKey(attribute="PatientID"), ["PatientID", "Nonsense"], "", "include_fields[1]"),
        (MatchKey(attribute="PatientID"), [], "x", "study_instance_uid"),
    ],
)
def test_what_is_malformed_is_named(key: MatchKey, include: list[str], study: str, field: str) -> None:
    parents = {"study_instance_uid": ("0020000D", study)}
    with pytest.raises(InvalidArgumentError) as caught:
        to_query(QueryLevel.SERIES, [key], include, fuzzy_matching=False, parents=parents)
    assert caught.value.field == field
