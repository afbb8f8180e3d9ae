"""Values in the DICOM JSON model."""

import json
import struct
from base64 import b64encode
from typing import Any

import pytest
from pydicom.dataset import Dataset

from radgate_server.core.dicom.dataset import json_model
from radgate_server.core.dicom.dataset.element_encoding import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from radgate_server.core.dicom.dataset.json_model import data_set_to_json, dataset_to_json, dump
from radgate_server.core.dicom.indexing import build_index
from radgate_server.core.dicom.instance_index import BULK_DATA_ROOT, BulkItem, Span
from radgate_server.core.errors import InstanceMalformedError
from tests.unit.core.dicom.encode import element, file, implicit, implicit_file, item, sequence, us

SOME = 0x00091001


def value_of(vr: str, raw: bytes) -> Any:
    return data_set_to_json(element(SOME, vr, raw), EXPLICIT_LITTLE)["00091001"].get("Value")


@pytest.mark.parametrize(
    ("vr", "raw", "value"),
    [
        ("CS", b"ORIGINAL\\PRIMARY \\ AXIAL ", ["ORIGINAL", "PRIMARY", "AXIAL"]),
        ("CS", b"A\\\\B ", ["A", None, "B"]),
        ("AE", b"  STORE ", ["STORE"]),
        ("UI", b"1.2.3\0", ["1.2.3"]),
        ("DA", b"20260101", ["20260101"]),
        ("LO", b" A\\B ", [" A", "B"]),
        ("LT", b" A\\B\r\nC  ", [" A\\B\r\nC"]),
        ("UT", b"\\", ["\\"]),
        ("UR", b"https://x/y ", ["https://x/y"]),
        ("LO", b"    ", None),
        ("SH", b"\0\0", None),
        ("LO", b"\\ ", [None, None]),
        ("DS", b"1.50\\-2\\1e3\\+.5\\ 7 ", [1.5, -2, 1000, 0.5, 7]),
        ("DS", b"\\1 ", [None, 1]),
        ("DS", b"NaN \\1e999\\1_000\\1,5", ["NaN", "1e999", "1_000", "1,5"]),
        ("IS", b"12\\-3 \\+4\\1.0\\", [12, -3, 4, 1, None]),
        ("IS", b"1A\\1.5\\99999999999999999999", ["1A", "1.5", "99999999999999999999"]),
        ("PN", b"A^B=C^D=E^F ", [{"Alphabetic": "A^B", "Ideographic": "C^D", "Phonetic": "E^F"}]),
        ("PN", b"==E^F\\A^B ", [{"Phonetic": "E^F"}, {"Alphabetic": "A^B"}]),
        ("PN", b"A\\\\B=", [{"Alphabetic": "A"}, None, {"Alphabetic": "B"}]),
        ("AT", b"\x10\x00\x20\x00\xfe\xff\x0d\xe0", ["00100020", "FFFEE00D"]),
        ("US", b"\x01\x00\xff\xff", [1, 65535]),
        ("SS", b"\x01\x00\xff\xff", [1, -1]),
        ("UL", b"\xff\xff\xff\xff", [4294967295]),
        ("SL", b"\xff\xff\xff\xff", [-1]),
        ("FL", struct.pack("<3f", 0.5, float("nan"), float("inf")), [0.5, None, None]),
        ("FD", struct.pack("<2d", 0.1, float("-inf")), [0.1, None]),
        ("SV", struct.pack("<2q", -5, 2**60), [-5, str(2**60)]),
        ("UV", struct.pack("<2Q", 2**53, 2**64 - 1), [2**53, str(2**64 - 1)]),
    ],
)
def test_values(vr: str, raw: bytes, value: Any) -> None:
    assert value_of(vr, raw) == value


@pytest.mark.parametrize("vr", ["PN", "US", "SQ", "OB", "UN", "DS", "UT"])
def test_empty_values_are_left_out(vr: str) -> None:
    assert data_set_to_json(element(SOME, vr), EXPLICIT_LITTLE) == {"00091001": {"vr": vr}}


def test_whole_numbers_stay_whole() -> None:
    assert json.dumps(value_of("DS", b"0\\512 \\1.0")) == "[0, 512, 1]"


@pytest.mark.parametrize(("vr", "raw"), [("US", b"abc"), ("FD", b"abcd"), ("AT", b"ab"), ("UL", b"ab")])
def test_values_of_a_wrong_length_are_kept_as_bytes(vr: str, raw: bytes) -> None:
    model = data_set_to_json(element(SOME, vr, raw) + us(0x00280010, 3), EXPLICIT_LITTLE)
    assert model["00091001"] == {"vr": "UN", "InlineBinary": b64encode(raw).decode()}
    assert model["00280010"] == {"vr": "US", "Value": [3]}


def test_group_lengths_are_left_out_and_private_creators_kept() -> None:
    encoded = element(0x00080000, "UL", bytes(4)) + element(0x00090010, "LO", b"ACME")
    assert data_set_to_json(encoded, EXPLICIT_LITTLE) == {"00090010": {"vr": "LO", "Value": ["ACME"]}}


def test_big_endian() -> None:
    encoded = element(SOME, "US", b"\x00\x01", big=True) + element(0x00091002, "OW", b"\x00\x01", big=True)
    assert data_set_to_json(encoded, EXPLICIT_BIG) == {
        "00091001": {"vr": "US", "Value": [1]},
        "00091002": {"vr": "OW", "InlineBinary": b64encode(b"\x01\x00").decode()},
    }


def test_items() -> None:
    encoded = sequence(0x00081140, item(b""), item(element(0x00100010, "PN", b"A ")))
    assert data_set_to_json(encoded, EXPLICIT_LITTLE) == {
        "00081140": {"vr": "SQ", "Value": [{}, {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "A"}]}}]}
    }


@pytest.mark.parametrize(("representation", "value"), [(0, 0xFFFF), (1, -1)])
def test_ambiguous_vrs_follow_the_pixel_representation(representation: int, value: int) -> None:
    encoded = (
        implicit(0x00081140, item(implicit(0x00280106, b"\xff\xff")))
        + implicit(0x00280103, bytes([representation, 0]))
        + implicit(0x00281101, b"\x00\xff\xff\xff\x10\x00")
    )
    model = data_set_to_json(encoded, IMPLICIT_LITTLE)
    assert model["00081140"]["Value"][0]["00280106"]["Value"] == [value]
    assert model["00281101"]["Value"] == [0xFF00, value, 16]


def test_an_item_may_have_its_own_charset() -> None:
    name = element(0x00100010, "PN", b"\xbb ")
    encoded = (
        element(0x00080005, "CS", b"ISO_IR 100")
        + sequence(0x00081140, item(element(0x00080005, "CS", b"ISO_IR 144") + name), item(name))
        + name
    )
    model = data_set_to_json(encoded, EXPLICIT_LITTLE)
    first, second = model["00081140"]["Value"]
    assert first["00100010"]["Value"] == [{"Alphabetic": "\u041b"}]
    assert second["00100010"]["Value"] == model["00100010"]["Value"] == [{"Alphabetic": "\u00bb"}]
    assert first["00080005"] == model["00080005"] == {"vr": "CS", "Value": ["ISO_IR 192"]}


def test_backslashes_inside_characters_do_not_separate_values() -> None:
    raw = "\u4e30\u8def".encode("gb18030")
    tricky = b"\x81\x5c"  # one character of GBK whose second byte is a backslash
    encoded = element(0x00080005, "CS", b"GB18030 ") + element(SOME, "LO", raw + tricky + b"\\A ")
    values = data_set_to_json(encoded, EXPLICIT_LITTLE)["00091001"]["Value"]
    assert values == ["\u4e30\u8def" + tricky.decode("gb18030"), "A"]


def test_text_that_is_not_ascii_says_that_it_is_utf8() -> None:
    assert dump({"00100010": {"vr": "LO", "Value": ["A"]}}) == b'{"00100010":{"vr":"LO","Value":["A"]}}'
    assert json.loads(dump({"00100010": {"vr": "LO", "Value": ["\u00e9"]}}))["00080005"]["Value"] == ["ISO_IR 192"]


def test_large_and_pixel_values_are_given_by_reference() -> None:
    small, large = element(SOME, "OB", bytes(1024)), element(0x00091002, "OW", bytes(1026))
    icon = item(element(0x00091003, "UN", bytes(2000)) + element(0x7FE00010, "OB", b"ab"))
    data = file(small + large + sequence(0x00880200, item(b""), icon))
    index = build_index(data)
    model = json.loads(index.metadata)
    assert "InlineBinary" in model["00091001"]
    assert model["00091002"] == {"vr": "OW", "BulkDataURI": BULK_DATA_ROOT + "00091002"}
    inner = model["00880200"]["Value"][1]
    assert inner["7FE00010"] == {"vr": "OB", "BulkDataURI": BULK_DATA_ROOT + "00880200/1/7FE00010"}
    assert list(index.bulk) == ["00091002", "00880200/1/00091003", "00880200/1/7FE00010"]
    assert index.bulk["00880200/1/7FE00010"] == BulkItem("OB", (Span(len(data) - 2, 2),))


def test_huge_values_are_not_expanded() -> None:
    index = build_index(implicit_file(implicit(0x00080008, b"A") + implicit(0x00204000, b"A" * (1 << 20) + b"BC")))
    assert list(index.bulk) == ["00204000"]


def test_the_header_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_model, "MAX_VALUE_BYTES", 1 << 30)
    data = implicit_file(implicit(0x00204000, bytes(json_model.MAX_HEADER_BYTES + 2)))
    with pytest.raises(InstanceMalformedError, match="header"):
        build_index(data)


def test_answers_to_queries_are_all_inline() -> None:
    model = data_set_to_json(element(SOME, "OB", bytes(3000)), EXPLICIT_LITTLE)
    assert model["00091001"]["InlineBinary"] == b64encode(bytes(3000)).decode()


def test_data_sets_made_in_memory() -> None:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.PatientName = "Buc^J\u00e9r\u00f4me"
    dataset.NumberOfStudyRelatedInstances = 3
    dataset.ReferencedStudySequence = [Dataset()]
    dataset.ReferencedStudySequence[0].ReferencedSOPInstanceUID = "1.2"
    assert dataset_to_json(dataset) == {
        "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
        "00081110": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.2"]}}]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Buc^J\u00e9r\u00f4me"}]},
        "00201208": {"vr": "IS", "Value": [3]},
    }


def test_data_sets_that_can_not_be_encoded_are_malformed() -> None:
    dataset = Dataset()
    dataset.Rows = 1
    dataset["Rows"]._value = "many"
    with pytest.raises(InstanceMalformedError):
        dataset_to_json(dataset)
