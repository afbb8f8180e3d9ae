"""Orthanc's short format as DICOM JSON."""

import pytest

from radgate_server.adapters.pacs.orthanc.answers import to_dicom_json


@pytest.mark.parametrize(
    ("name", "value", "element"),
    [
        ("0020,000d", "1.2.3", {"vr": "UI", "Value": ["1.2.3"]}),
        ("0020,0013", "7", {"vr": "IS", "Value": [7]}),
        ("0020,0013", "seven", {"vr": "IS", "Value": ["seven"]}),
        ("0028,0030", "0.5\\0.5", {"vr": "DS", "Value": [0.5, 0.5]}),
        ("0028,0010", "512", {"vr": "US", "Value": [512]}),
        ("0028,0106", "-2000", {"vr": "SS", "Value": [-2000]}),
        ("0028,0106", "12", {"vr": "US", "Value": [12]}),
        ("0018,9073", "1.5\\nan", {"vr": "FD", "Value": [1.5, None]}),
        ("0028,0009", "(0018,1063)", {"vr": "AT", "Value": ["00181063"]}),
        ("0010,0010", "A^B=C^D", {"vr": "PN", "Value": [{"Alphabetic": "A^B", "Ideographic": "C^D"}]}),
        ("0008,0061", "CT\\MR", {"vr": "CS", "Value": ["CT", "MR"]}),
        ("0020,4000", "a\\b", {"vr": "LT", "Value": ["a\\b"]}),
        ("0010,0040", "", {"vr": "CS"}),
        ("0028,0010", "", {"vr": "US"}),
        ("0009,1001", "private", {"vr": "LO", "Value": ["private"]}),
        ("0008,1111", [], {"vr": "SQ"}),
        (
            "0040,0275",
            [{"0040,0009": "SPS 1", "0040,1001": None}],
            {"vr": "SQ", "Value": [{"00400009": {"vr": "SH", "Value": ["SPS 1"]}}]},
        ),
    ],
)
def test_values_have_the_type_of_their_vr(name: str, value: object, element: object) -> None:
    assert to_dicom_json({name: value}) == {name.replace(",", "").upper(): element}


@pytest.mark.parametrize(
    ("name", "value"), [("0008,1111", None), ("7fe0,0010", "data"), ("0008,0005", "ISO_IR 100"), ("0008,1111", "x")]
)
def test_what_is_absent_or_has_no_text_is_left_out(name: str, value: object) -> None:
    assert to_dicom_json({name: value}) == {}


@pytest.mark.parametrize("data_set", [{"PatientID": "1"}, {"0010,0020": 1}, {"0028,0010": "x"}, {"0008,1111": ["x"]}])
def test_other_formats_are_no_answer(data_set: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError, AttributeError)):
        to_dicom_json(data_set)
