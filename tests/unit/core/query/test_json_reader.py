from typing import Any

import pytest

from radgate_server.core.query.json_reader import read_data_set, read_matches


@pytest.mark.parametrize(
    ("tag", "given", "read"),
    [
        ("00100020", {"vr": "LO", "Value": ["P-1 "]}, {"vr": "LO", "Value": ["P-1"]}),
        ("00100020", {"vr": "LO", "Value": [""]}, {"vr": "LO"}),
        ("00100020", {"vr": "LO", "Value": [None]}, {"vr": "LO"}),
        ("00100020", {"vr": "LO", "Value": []}, {"vr": "LO"}),
        ("00100020", {"vr": "LO", "Value": None}, {"vr": "LO"}),
        ("00100020", {"vr": "LO", "Value": "alone"}, {"vr": "LO", "Value": ["alone"]}),
        ("00100020", {"vr": "LO", "Value": [12]}, {"vr": "LO", "Value": ["12"]}),
        ("00100020", {"Value": ["x"]}, {"vr": "LO", "Value": ["x"]}),
        ("00080061", {"vr": "CS", "Value": ["CT", None]}, {"vr": "CS", "Value": ["CT", None]}),
        ("00200013", {"vr": "IS", "Value": ["5 "]}, {"vr": "IS", "Value": [5]}),
        ("00200013", {"vr": "IS", "Value": [5.0]}, {"vr": "IS", "Value": [5]}),
        ("00200013", {"vr": "IS", "Value": ["five"]}, {"vr": "IS", "Value": ["five"]}),
        ("00281053", {"vr": "DS", "Value": ["1.50", 2]}, {"vr": "DS", "Value": [1.5, 2]}),
        ("00281053", {"vr": "FD", "Value": [float("inf")]}, {"vr": "FD"}),
        (
            "00100010",
            {"vr": "PN", "Value": [{"Alphabetic": "A^B", "Other": "x"}]},
            {"vr": "PN", "Value": [{"Alphabetic": "A^B"}]},
        ),
        (
            "00100010",
            {"vr": "PN", "Value": ["A^B=C"]},
            {"vr": "PN", "Value": [{"Alphabetic": "A^B", "Ideographic": "C"}]},
        ),
        ("00100010", {"vr": "PN", "Value": [{}]}, {"vr": "PN"}),
        (
            "00400275",
            {"vr": "SQ", "Value": [{"00080060": {"vr": "CS", "Value": ["CT"]}}]},
            {"vr": "SQ", "Value": [{"00080060": {"vr": "CS", "Value": ["CT"]}}]},
        ),
        ("00400275", {"vr": "SQ"}, {"vr": "SQ"}),
        ("00091001", {"vr": "UN", "InlineBinary": "AAE="}, {"vr": "UN", "InlineBinary": "AAE="}),
        ("00091001", {"vr": "OB", "BulkDataURI": "http://elsewhere/"}, {"vr": "OB"}),
        ("0009100a", {"vr": "LO", "Value": ["x"]}, {"vr": "LO", "Value": ["x"]}),
    ],
)
def test_an_attribute_is_brought_into_our_form(tag: str, given: Any, read: Any) -> None:
    assert read_data_set({tag: given}) == {tag.upper(): read}


def test_tags_come_in_order_and_what_is_of_the_message_is_left_out() -> None:
    given = {tag: {"vr": "LO"} for tag in ("00100020", "00080050", "00080005", "00081190", "00080052", "00020010", "x")}
    assert list(read_data_set(given)) == ["00080050", "00100020"]


def test_a_lone_match_counts_as_an_array() -> None:
    assert read_matches({}) == ({},)
    assert read_matches([]) == ()


def nested(depth: int) -> Any:
    data_set: dict[str, Any] = {}
    for _ in range(depth):
        data_set = {"00400275": {"vr": "SQ", "Value": [data_set]}}
    return data_set


def test_nesting_is_limited() -> None:
    assert read_data_set(nested(32)) == nested(32)
    with pytest.raises(ValueError):
        read_data_set(nested(33))


@pytest.mark.parametrize(
    "answer",
    [
        "x",
        None,
        [1],
        [{"00100020": "x"}],
        [{"00100020": {"vr": 1}}],
        [{"00100020": {"vr": "LONG"}}],
        [{"00100020": {"vr": "LO", "Value": [{}]}}],
        [{"00200013": {"vr": "IS", "Value": [True]}}],
        [{"00100010": {"vr": "PN", "Value": [{"Alphabetic": 1}]}}],
        [{"00400275": {"vr": "SQ", "Value": ["x"]}}],
        [{"00091001": {"vr": "UN", "InlineBinary": "no base64!"}}],
    ],
)
def test_what_is_not_the_model_is_reported(answer: Any) -> None:
    with pytest.raises(ValueError):
        read_matches(answer)
