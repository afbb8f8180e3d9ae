import pytest

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.query.attributes import (
    canonical_keys,
    canonical_paths,
    keyword_of,
    parse_attribute_path,
    parse_match_value,
    vr_of,
)
from radgate_server.core.query.model import MatchingKey

STUDY_DATE, STUDY_TIME, STUDY_UID = ("00080020",), ("00080030",), ("0020000D",)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("PatientID", ("00100020",)),
        ("00100020", ("00100020",)),
        ("0020000d", ("0020000D",)),
        ("RequestAttributesSequence.ScheduledProcedureStepID", ("00400275", "00400009")),
        ("00400275.00400009", ("00400275", "00400009")),
        ("00091002", ("00091002",)),
    ],
)
def test_attributes_are_named_by_keyword_tag_or_path(text: str, path: tuple[str, ...]) -> None:
    assert parse_attribute_path(text, "keys") == path


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            ".",
            "NoSuchKeyword",
            "0010002",
            "(0010,0020)",
            "PatientID.StudyID",
            "PatientID.",
            "00020010",
            "00000100",
        ),
        ".".join(["RequestAttributesSequence"] * 9),
    ],
)
def test_malformed_attributes_name_the_field(text: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        parse_attribute_path(text, "keys[0].attribute")
    assert caught.value.field == "keys[0].attribute"


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (STUDY_UID, "1.2,1.3\\1.4", "1.2\\1.3\\1.4"),
        (STUDY_UID, " 1.2 ", "1.2"),
        (STUDY_UID, "*", ""),
        (STUDY_DATE, "20200229", "20200229"),
        (STUDY_DATE, "20200101-20201231", "20200101-20201231"),
        (STUDY_DATE, "-20201231", "-20201231"),
        (STUDY_DATE, "20200101-", "20200101-"),
        (STUDY_DATE, "*", ""),
        (STUDY_TIME, "10", "10"),
        (STUDY_TIME, "1030-235959.123456", "1030-235959.123456"),
        (("0008002A",), "20200101120000.5+0100-2021", "20200101120000.5+0100-2021"),
        (("00100010",), "DOE^J*,x\\y", "DOE^J*,x\\y"),
        (("00100020",), "", ""),
        (("00100020",), "A,B", "A,B"),
        (("00080061",), "CT,MR", "CT\\MR"),
        (("00080061",), "CT, MR\\US", "CT\\MR\\US"),
        (("00091002",), "anything", "anything"),
    ],
)
def test_values_are_checked_by_their_vr(path: tuple[str, ...], value: str, expected: str) -> None:
    assert parse_match_value(path, value, "keys") == expected


def test_a_long_list_of_uids_passes() -> None:
    uids = [f"1.2.{number}" for number in range(1000)]
    assert parse_match_value(STUDY_UID, ",".join(uids), "keys") == "\\".join(uids)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (STUDY_UID, "1.2,,1.3"),
        (STUDY_UID, "1.2.x"),
        (STUDY_DATE, "20210229"),
        (STUDY_DATE, "2020-01-01"),
        (STUDY_DATE, "-"),
        (STUDY_DATE, "20200101-20201231-"),
        (STUDY_TIME, "2400"),
        (STUDY_TIME, "10:30"),
        (("0008002A",), "199"),
        (("00100010",), "a\nb"),
        (("00100010",), "a" * 1025),
    ],
)
def test_malformed_values_name_the_field_and_do_not_repeat_the_value(path: tuple[str, ...], value: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        parse_match_value(path, value, "keys[1].value")
    assert caught.value.field == "keys[1].value"
    assert value == "-" or value not in caught.value.message


def test_keys_have_one_order_and_no_repetition() -> None:
    name, uid = MatchingKey(("00100010",), "A"), MatchingKey(STUDY_UID, "1.2")
    assert canonical_keys([uid, name, uid], "keys") == (name, uid) == canonical_keys([name, uid], "keys")
    assert canonical_paths([STUDY_UID, STUDY_DATE, STUDY_UID]) == (STUDY_DATE, STUDY_UID)


def test_one_attribute_with_two_values_is_malformed() -> None:
    with pytest.raises(InvalidArgumentError, match="PatientName is given two different values"):
        canonical_keys([MatchingKey(("00100010",), "A"), MatchingKey(("00100010",), "B")], "keys")


def test_the_dictionary_answers_for_unknown_tags() -> None:
    assert (keyword_of("00100020"), keyword_of("00091002")) == ("PatientID", "")
    assert (vr_of("00100020"), vr_of("00091002")) == ("LO", "UN")
