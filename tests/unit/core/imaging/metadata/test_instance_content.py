from base64 import b64encode

import pytest

from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.imaging.metadata.instance_content import (
    Bitstream,
    Frames,
    InstanceContent,
    Nothing,
    content_of,
    label_of,
)

H264 = "1.2.840.10008.1.2.4.102"
PIXELS: DicomJson = {"7FE00010": {"vr": "OW", "BulkDataURI": "…"}}
DOCUMENT: DicomJson = {"00420011": {"vr": "OB", "BulkDataURI": "…"}}


def with_values(model: DicomJson, **values: object) -> DicomJson:
    return model | {tag[1:]: {"vr": "LO", "Value": [value]} for tag, value in values.items()}


@pytest.mark.parametrize(
    ("count", "values", "representative"),
    [
        (1, {}, 1),
        (2, {}, 1),
        (3, {}, 2),
        (60, {}, 30),
        (60, {"t00286010": 7}, 7),
        (60, {"t00286010": 61}, 30),
        (60, {"t00286010": "?"}, 30),
    ],
)
def test_the_frame_that_the_data_set_names_stands_for_all_else_the_middle_one(
    count: int, values: dict[str, object], representative: int
) -> None:
    content = content_of(with_values(PIXELS, **values), EXPLICIT_VR_LITTLE_ENDIAN, count)
    assert content == Frames(count, representative, 100)


@pytest.mark.parametrize(
    ("values", "frame_time_ms"),
    [
        ({"t00181063": 33.3}, 33.3),
        ({"t00180040": 25}, 40),
        ({"t00082144": 10, "t00180040": 25}, 100),
        ({"t00181063": 0, "t00082144": 50}, 20),
        ({"t00181063": 1}, 20),
        ({"t00181063": -5}, 100),
    ],
)
def test_animations_run_as_fast_as_the_data_set_says(values: dict[str, object], frame_time_ms: float) -> None:
    content = content_of(with_values(PIXELS, **values), EXPLICIT_VR_LITTLE_ENDIAN, 9)
    assert isinstance(content, Frames)
    assert content.frame_time_ms == pytest.approx(frame_time_ms)


@pytest.mark.parametrize(
    ("model", "syntax", "content", "label"),
    [
        (with_values(DOCUMENT, t00420012="application/pdf"), "", ("application/pdf", "00420011"), "PDF"),
        (with_values(DOCUMENT, t00420012="text/XML "), "", ("text/xml", "00420011"), "XML"),
        (with_values(DOCUMENT, t00420012="no type\r\nx: y"), "", ("application/octet-stream", "00420011"), "DOC"),
        (PIXELS, H264, ("video/mp4", "7FE00010"), "VIDEO"),
    ],
)
def test_documents_and_videos_are_given_as_stored(
    model: DicomJson, syntax: str, content: tuple[str, str], label: str
) -> None:
    found = content_of(model, syntax or EXPLICIT_VR_LITTLE_ENDIAN, 0)
    assert found == Bitstream(*content)
    assert label_of(model, found) == label


def test_a_small_document_lies_in_the_metadata_and_its_padding_is_left_out() -> None:
    model = with_values({"00420011": {"vr": "OB", "InlineBinary": b64encode(b"abc\0").decode()}}, t00420015=3)
    content = content_of(model, EXPLICIT_VR_LITTLE_ENDIAN, 0)
    assert content == Bitstream("application/octet-stream", "00420011", b"abc\0", 3)


@pytest.mark.parametrize(
    ("modality", "label"), [("SR", "SR"), ("RTSTRUCT", "RTSTRUCT"), ("", "NO IMAGE"), ("<b>", "NO IMAGE")]
)
def test_what_has_no_pixels_is_called_by_its_modality(modality: str, label: str) -> None:
    model = with_values({}, t00080060=modality)
    content: InstanceContent = content_of(model, EXPLICIT_VR_LITTLE_ENDIAN, 0)
    assert content == Nothing()
    assert label_of(model, content) == label
