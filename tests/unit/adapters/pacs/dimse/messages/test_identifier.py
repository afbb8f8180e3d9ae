"""Identifiers are data sets that pydicom reads back."""

from io import BytesIO

import pytest
from pydicom import Dataset
from pydicom.filereader import read_dataset

from radgate_server.adapters.pacs.dimse.messages.identifier import encode_identifier
from radgate_server.core.dicom.data_sets import TagPath
from radgate_server.core.errors import InvalidArgumentError


def read_back(keys: dict[TagPath, str], *, implicit: bool) -> Dataset:
    encoded = encode_identifier(keys, implicit=implicit)
    assert len(encoded) % 2 == 0
    return read_dataset(BytesIO(encoded), implicit, True)


@pytest.mark.parametrize("implicit", [False, True])
def test_values_of_every_kind(implicit: bool) -> None:
    keys: dict[TagPath, str] = {
        ("00080052",): "STUDY",
        ("0020000D",): "1.2\\1.3",
        ("00100010",): "Doe*",
        ("00280010",): "512",
        ("00080061",): "",
        ("00400275", "00400009"): "SPS1",
    }
    dataset = read_back(keys, implicit=implicit)
    assert dataset.QueryRetrieveLevel == "STUDY"
    assert list(dataset.StudyInstanceUID) == ["1.2", "1.3"]
    assert dataset.PatientName == "Doe*"
    assert dataset.Rows == 512
    assert not dataset.ModalitiesInStudy
    assert dataset.RequestAttributesSequence[0].ScheduledProcedureStepID == "SPS1"
    assert "SpecificCharacterSet" not in dataset
    assert list(dataset.keys()) == sorted(dataset.keys())


def test_text_beyond_ascii_is_utf_8_and_says_so() -> None:
    dataset = read_back({("00100010",): "Διον*"}, implicit=False)
    assert dataset.SpecificCharacterSet == "ISO_IR 192"
    assert dataset.PatientName == "Διον*"


def test_a_range_of_dates_passes_unchecked() -> None:
    encoded = encode_identifier({("00080020",): "20010101-"}, implicit=False)
    assert encoded.endswith(b"DA\x0a\x0020010101- ")


def test_a_number_that_is_none_matches_everything() -> None:
    assert not read_back({("00280010",): "many"}, implicit=True)[0x00280010].value


def test_a_list_that_is_too_long_for_its_vr_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="too long"):
        encode_identifier({("0020000D",): "\\".join(["1.2.3.4.5.6.7.8"] * 5000)}, implicit=False)


@pytest.mark.parametrize("order", [1, -1])
def test_a_sequence_asked_for_whole_and_in_part_is_asked_for_in_part(order: int) -> None:
    keys: dict[TagPath, str] = {("00400275",): "", ("00400275", "00400009"): "SPS1"}
    dataset = read_back(dict(list(keys.items())[::order]), implicit=False)
    assert dataset.RequestAttributesSequence[0].ScheduledProcedureStepID == "SPS1"
