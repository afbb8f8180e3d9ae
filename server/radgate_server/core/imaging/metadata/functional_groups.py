"""Functional groups of multi-frame instances: the macro that holds for one frame (PS3.3 C.7.6.16)."""

from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.imaging.metadata.reader import PER_FRAME_GROUPS
from radgate_server.core.imaging.metadata.values import item

_SHARED = "52009229"


class FrameGroups:
    """The functional groups of the frame of this number (from 1)."""

    def __init__(self, model: DicomJson, frame_number: int) -> None:
        self._model = model
        self._levels = (_own(model, frame_number), item(model, _SHARED))

    def macro(self, tag: str) -> DicomJson:
        """The item of a macro's sequence: the frame's own, else the shared one, else an empty data set."""
        return next((found for level in self._levels if (found := item(level, tag))), {})

    def holder(self, macro: str, *attributes: str) -> DicomJson:
        """Where the attributes stand that a macro or the data set itself can hold: the macro's item if any is in it."""
        found = self.macro(macro)
        return found if any(attribute in found for attribute in attributes) else self._model


def _own(model: DicomJson, frame_number: int) -> DicomJson:
    """The frame's own groups, taken without a look at those of other frames; empty when there are none."""
    groups = model.get(PER_FRAME_GROUPS, {}).get("Value", ())
    own = groups[frame_number - 1] if 1 <= frame_number <= len(groups) else None
    return own if isinstance(own, dict) else {}
