"""Metadata of many frames: the same groups as by parsing all of it, and of one frame alone."""

import json
from typing import Any

import pytest

from radgate_server.core.dicom.indexing import build_index
from radgate_server.core.imaging.metadata import reader as metadata_reader
from radgate_server.core.imaging.metadata.functional_groups import FrameGroups
from radgate_server.core.imaging.metadata.reader import PER_FRAME_GROUPS, PackedItems, read_metadata
from radgate_server.core.imaging.presentation.reader import presentation_of
from tests.unit.core.dicom import corpus

MACRO = "00289132"


def encoded(model: dict[str, Any]) -> bytes:
    return json.dumps(model, separators=(",", ":"), ensure_ascii=False).encode()


def sequence(*items: object) -> dict[str, Any]:
    return {"vr": "SQ", "Value": list(items)}


def groups(number: int) -> dict[str, Any]:
    return {
        MACRO: sequence({"00281050": {"vr": "DS", "Value": [number]}, "00281055": {"vr": "LO", "Value": ['é"]},']}})
    }


def test_a_real_one_is_shown_in_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = build_index(memoryview(bytes(corpus.read("eCT_Supplemental.dcm")))).metadata
    whole = json.loads(metadata)
    monkeypatch.setattr(metadata_reader, "LARGE_BYTES", 100)
    model, parsed_bytes, packed_bytes = read_metadata(metadata)
    assert isinstance(model[PER_FRAME_GROUPS]["Value"], PackedItems)
    assert list(model[PER_FRAME_GROUPS]["Value"]) == whole[PER_FRAME_GROUPS]["Value"]
    assert {tag: model[tag] for tag in model if tag != PER_FRAME_GROUPS} == {
        tag: whole[tag] for tag in whole if tag != PER_FRAME_GROUPS
    }
    assert parsed_bytes + packed_bytes == len(metadata)
    assert packed_bytes > 500
    for number in (1, 2, 3):
        assert presentation_of(model, number, {}) == presentation_of(whole, number, {})


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_frame_has_its_own_groups(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata_reader, "LARGE_BYTES", 0)
    model = read_metadata(encoded({PER_FRAME_GROUPS: sequence(*map(groups, range(1, count + 1)))})).model
    for number in range(-1, count + 3):
        own = groups(number)[MACRO]["Value"][0] if 1 <= number <= count else {}
        assert FrameGroups(model, number).macro(MACRO) == own


def test_empty_groups_are_those_of_their_frame() -> None:
    model = {PER_FRAME_GROUPS: sequence(None, {}, groups(3))}
    assert [bool(FrameGroups(model, number).macro(MACRO)) for number in (1, 2, 3)] == [False, False, True]


@pytest.mark.parametrize("outer", [{}, {PER_FRAME_GROUPS: sequence(groups(1))}])
def test_groups_within_another_sequence_are_no_frames(outer: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    model = {"00081140": sequence({PER_FRAME_GROUPS: sequence(groups(7))}), **outer}
    monkeypatch.setattr(metadata_reader, "LARGE_BYTES", 0)
    assert read_metadata(encoded(model)).model == model


def test_only_the_frame_that_is_wanted_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    model = {PER_FRAME_GROUPS: {"vr": "SQ", "Value": PackedItems(("no JSON", json.dumps(groups(2)), "nor this"))}}
    assert FrameGroups(model, 2).macro(MACRO) == groups(2)[MACRO]["Value"][0]
