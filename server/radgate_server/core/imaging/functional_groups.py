"""Functional groups of multi-frame instances: the macro that holds for one frame (PS3.3 C.7.6.16)."""

from radgate_server.core.imaging.model_values import item, items
from radgate_server.core.query import DicomJson

_SHARED = "52009229"
_PER_FRAME = "52009230"


class FrameGroups:
    """The functional groups of the frame of this number (from 1)."""

    def __init__(self, model: DicomJson, frame_number: int) -> None:
        self._model = model
        self._levels = (*items(model, _PER_FRAME)[frame_number - 1 : frame_number], item(model, _SHARED))

    def macro(self, tag: str) -> DicomJson:
        """The item of a macro's sequence: the frame's own, else the shared one, else an empty data set."""
        return next((found for level in self._levels if (found := item(level, tag))), {})

    def holder(self, macro: str, *attributes: str) -> DicomJson:
        """Where the attributes stand that a macro or the data set itself can hold: the macro's item if any is in it."""
        found = self.macro(macro)
        return found if any(attribute in found for attribute in attributes) else self._model
