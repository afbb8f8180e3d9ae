"""The metadata of an instance, parsed; of large ones a frame's functional groups only when that frame is wanted."""

import json
from typing import NamedTuple

from radgate_server.core.dicom.data_sets import DicomJson

LARGE_BYTES = 256 << 10
"""Of JSON; parsing less takes a few milliseconds."""

PER_FRAME_GROUPS = "52009230"
"""Per-frame Functional Groups Sequence (PS3.3 C.7.6.16)."""

_OPENING = f'"{PER_FRAME_GROUPS}":{{"vr":"SQ","Value":['


class PackedItems:
    """The items of a sequence as JSON, each parsed when it is taken: a tenth of the memory of parsed ones."""

    def __init__(self, texts: tuple[str, ...]) -> None:
        self._texts = texts

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, index: int) -> DicomJson:
        item: DicomJson = json.loads(self._texts[index])
        return item


class Metadata(NamedTuple):
    """A data set, and of how many bytes of JSON it is made: of those parsed, and of those in PackedItems."""

    model: DicomJson
    parsed_bytes: int
    packed_bytes: int = 0


def read_metadata(metadata: bytes) -> Metadata:
    """Parse the JSON that an instance's index has. For more than LARGE_BYTES, call it from a thread.

    Large per-frame groups are walked through one by one, so that other threads have their turns meanwhile: a parser
    keeps them all waiting until it returns.
    """
    if len(metadata) > LARGE_BYTES:
        text = metadata.decode()
        opening = text.find(_OPENING)
        if opening >= 0:
            start = opening + len(_OPENING)
            texts, end = _split(text, start)
            model = json.loads(text[:start] + text[end:])
            # Groups that stand in an item before are others, and all is parsed.
            if model.get(PER_FRAME_GROUPS, {}).get("Value") == []:
                model[PER_FRAME_GROUPS]["Value"] = PackedItems(texts)
                return Metadata(model, len(text) - (end - start), end - start)
    return Metadata(json.loads(metadata), len(metadata))


def _split(text: str, start: int) -> tuple[tuple[str, ...], int]:
    """The texts of the values of a JSON array from its first one on, and where its closing bracket is."""
    decoder, texts = json.JSONDecoder(), []
    while text[start] != "]":
        _, end = decoder.raw_decode(text, start)
        texts.append(text[start:end])
        start = end + (text[end] == ",")
    return tuple(texts), start
