"""Every real file at hand: its index against what pydicom says."""

import json
import re
from array import array
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from radgate_server.core.dicom.dataset.file_meta import encoding_of, identify, read_file_meta
from radgate_server.core.dicom.dataset.json_model import MAX_INLINE_BYTES, dataset_to_json
from radgate_server.core.dicom.dataset.opened_file import inflated_data_set
from radgate_server.core.dicom.index_format import deserialise, serialise
from radgate_server.core.dicom.indexing import build_index, read_spans
from radgate_server.core.errors import InstanceMalformedError
from tests.unit.core.dicom import corpus

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

CANNOT_BE_CONVERTED_BY_PYDICOM = frozenset({"badVR.dcm"})
"""An Integer String "1A" stops it; here it stays text."""


def _files(paths: list[Path]) -> Any:
    return pytest.mark.parametrize("path", paths, ids=[path.name for path in paths])


def _differences(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """Where two models differ, except for what we do on purpose in another way; see `_as_we_would`."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [
            difference
            for key in sorted(ours.keys() | theirs.keys())
            for difference in _differences(ours.get(key), theirs.get(key), f"{path}/{key}")
        ]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [
            difference
            for number, (our, their) in enumerate(zip(ours, theirs, strict=True))
            for difference in _differences(our, their, f"{path}/{number}")
        ]
    return [] if ours == theirs else [f"{path}: {ours!r} is not {theirs!r}"]


def _as_we_would(key: str, theirs: dict[str, Any], ours: dict[str, Any] | None) -> dict[str, Any] | None:
    """Turn pydicom's element into ours where both are right, or pydicom is not."""
    if key.endswith("0000"):
        return None  # group lengths are no attributes of the JSON model
    if key == "00080005":
        return {"vr": "CS", "Value": ["ISO_IR 192"]}  # the text is UTF-8 now
    if theirs["vr"] == "SQ":
        items = theirs.get("Value", [])
        our_items = (ours or {}).get("Value", [{}] * len(items))
        values = [_data_set_as_we_would(item, our) for item, our in zip(items, our_items, strict=True)]
        return {"vr": "SQ", "Value": values} if values else {"vr": "SQ"}  # empty is without Value
    if int(key[:4], 16) % 2 and ours is not None and ours["vr"] == "UN" != theirs["vr"]:
        return ours  # pydicom knows private elements, by vendors' dictionaries
    if "BulkDataURI" in theirs and ours is not None and "BulkDataURI" in ours:
        return {**theirs, "BulkDataURI": ours["BulkDataURI"]}
    if "InlineBinary" in theirs and key == "7FE00010" and ours is not None:
        return {"vr": theirs["vr"], "BulkDataURI": ours["BulkDataURI"]}  # however small
    if theirs["vr"] == "OW" and "InlineBinary" in theirs and ours is not None and ours != theirs:
        words = array("H", b64decode(theirs["InlineBinary"]))
        words.byteswap()  # pydicom leaves the words of big-endian files as they are
        return {"vr": "OW", "InlineBinary": b64encode(words).decode()}
    if "Value" in theirs:
        values = [_value_as_we_would(value, theirs["vr"]) for value in theirs["Value"]]
        return {**theirs, "Value": values}
    return theirs


def _value_as_we_would(value: Any, vr: str) -> Any:
    if isinstance(value, str):
        # empty among several is null; spaces around codes say nothing
        return (value.strip() if vr in ("AE", "AS", "CS", "DA", "DT", "TM", "UI") else value) or None
    if isinstance(value, dict):
        return {group: text for group, text in value.items() if text} or None
    return value


def _data_set_as_we_would(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    result = {key: _as_we_would(key, element, ours.get(key)) for key, element in theirs.items()}
    return {key: element for key, element in result.items() if element is not None}


@_files(corpus.SOUND_FILES)
def test_metadata_is_pydicoms(path: Path) -> None:
    ours = json.loads(build_index(memoryview(path.read_bytes())).metadata)
    dataset = pydicom.dcmread(path)
    if path.name in CANNOT_BE_CONVERTED_BY_PYDICOM:
        with pytest.raises(ValueError, match="invalid literal"):
            dataset.to_json_dict()
        assert ours["00280008"] == {"vr": "IS", "Value": ["1A"]}
        return
    theirs = dataset.to_json_dict(MAX_INLINE_BYTES * 4 // 3, lambda element: "somewhere")
    expected = _data_set_as_we_would(theirs, ours)
    if ours.keys() - expected.keys() == {"00080005"}:
        expected["00080005"] = {"vr": "CS", "Value": ["ISO_IR 192"]}  # none said, text that is not ASCII
    assert _differences(ours, expected) == []


@_files(corpus.SOUND_FILES)
def test_bulk_data_and_frames_are_pydicoms(path: Path) -> None:
    data = memoryview(path.read_bytes())
    index = build_index(data)
    assert deserialise(serialise(index)) == index
    source = inflated_data_set(data) if index.deflated else data
    dataset = pydicom.dcmread(path)
    for place, item in index.bulk.items():
        element = _element_at(dataset, place)
        if not element.is_undefined_length:
            assert read_spans(source, item.spans) == element.value
    table = index.frame_table
    if table is not None and table.encapsulated:
        expected = list(generate_frames(dataset.PixelData, number_of_frames=table.number_of_frames))
        assert [read_spans(source, spans) for spans in table.frames] == expected
    elif table is not None and table.frames:
        pixels = b"".join(read_spans(source, spans) for spans in table.frames)
        assert dataset.PixelData.startswith(pixels)
        assert len({len(read_spans(source, spans)) for spans in table.frames}) == 1


def _element_at(dataset: Dataset, place: str) -> Any:
    *way, tag = place.split("/")
    for sequence, number in zip(way[::2], way[1::2], strict=True):
        dataset = dataset[int(sequence, 16)].value[int(number)]
    return dataset[int(tag, 16)]


@_files(corpus.SOUND_FILES)
def test_identity_is_pydicoms(path: Path) -> None:
    data = path.read_bytes()
    dataset = pydicom.dcmread(path, stop_before_pixels=True)
    uids = [dataset.get(keyword) for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")]
    if not all(uid and re.fullmatch("[0-9.]+", uid) for uid in uids):
        with pytest.raises(InstanceMalformedError, match="is missing or is no UID"):
            identify(data)
        return
    identity = identify(data)
    assert [identity.ref.study_instance_uid, identity.ref.series_instance_uid, identity.ref.sop_instance_uid] == uids
    assert identity.sop_class_uid == dataset.SOPClassUID
    assert identity.transfer_syntax_uid == dataset.file_meta.TransferSyntaxUID


@pytest.mark.parametrize("name", sorted(corpus.TRUNCATED))
def test_truncated_files_are_malformed(name: str) -> None:
    with pytest.raises(InstanceMalformedError, match="truncated"):
        build_index(corpus.read(name))


@_files([path for path in corpus.SOUND_FILES if path.parent.name == "charset_files"])
def test_a_data_set_of_pydicom_gives_the_same_model(path: Path) -> None:
    data = memoryview(path.read_bytes())
    ours = json.loads(build_index(data).metadata)
    ours.pop("7FE00010", None)
    dataset = pydicom.dcmread(path)
    dataset.pop("PixelData", None)
    model = dataset_to_json(dataset)
    assert model | {"00080005": ours.get("00080005")} == ours | {"00080005": ours.get("00080005")}


def test_encodings_come_from_the_transfer_syntax() -> None:
    meta = read_file_meta(corpus.read("MR_small_bigendian.dcm"))
    encoding = encoding_of(meta.transfer_syntax_uid)
    assert (encoding.explicit, encoding.little_endian) == (True, False)
