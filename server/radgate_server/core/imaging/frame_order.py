"""Which frame a viewer needs next: a low resolution of all before the whole of any, the middle of a series first."""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from radgate_server.core.dicom.identifiers import InstanceRef


class Part(IntEnum):
    """What is to be done of a frame, or (OPEN, frame 0) of an instance whose frames are not counted yet."""

    OPEN = 0
    FIRST = 1
    REST = 2


class FrameStep(NamedTuple):
    """What is due: one part of one frame (from 1)."""

    ref: InstanceRef
    frame_number: int
    part: Part


class _Turn(NamedTuple):
    """The lowest goes first. Distances count in halves, since the middle may lie between two.

    `stage` is below 0 for what is requested: the latest request goes before earlier ones, and before everything else.
    """

    stage: int
    series: int
    distance: int
    place: int
    frame_distance: int
    serial: int


_FIRST, _LAST = 0, 1


@dataclass(slots=True)
class _Series:
    """`turn` is lower for what was asked for later; `focus` is the position from which its instances go outwards."""

    turn: int
    focus: float = 0
    at_once: bool = False
    positions: dict[str, int] = field(default_factory=dict)


class FrameOrder:
    """The steps that are pending while instances arrive and the viewer changes its mind."""

    def __init__(self, instances: Iterable[InstanceRef]) -> None:
        """`instances` are all that may arrive, in the order in which a viewer shows them."""
        self._series: dict[str, _Series] = {}
        for ref in instances:
            series = self._series.setdefault(ref.series_instance_uid, _Series(len(self._series)))
            series.positions[ref.sop_instance_uid] = len(series.positions)
        for series in self._series.values():
            series.focus = (len(series.positions) - 1) / 2
        self._middle_frames: dict[InstanceRef, float] = {}
        self._pending: list[tuple[_Turn, FrameStep]] = []
        self._serial = 0

    def __len__(self) -> int:
        """How many steps are pending."""
        return len(self._pending)

    def rank(self, series_instance_uid: str) -> int:
        """The place of a series among all; the lowest is wanted most."""
        return self._series[series_instance_uid].turn

    def arrive(self, ref: InstanceRef) -> None:
        """An instance is there; one that was not expected takes the last position of its series."""
        positions = self._series[ref.series_instance_uid].positions
        positions.setdefault(ref.sop_instance_uid, len(positions))
        self._push(FrameStep(ref, 0, Part.OPEN))

    def opened(self, ref: InstanceRef, number_of_frames: int) -> None:
        """The frames of an instance have been counted."""
        self._middle_frames[ref] = (number_of_frames + 1) / 2
        for number in range(1, number_of_frames + 1):
            self._push(FrameStep(ref, number, Part.FIRST))

    def defer_rest(self, ref: InstanceRef, frame_number: int) -> None:
        """The first piece of the frame was sent, and there is more of it."""
        self._push(FrameStep(ref, frame_number, Part.REST))

    def next(self) -> FrameStep | None:
        """Take the step that is due; None when none is pending."""
        return heapq.heappop(self._pending)[1] if self._pending else None

    def drop(self, ref: InstanceRef) -> None:
        """Nothing more of this instance."""
        self._rebuild([entry for entry in self._pending if entry[1].ref != ref])

    def prioritize(self, series_instance_uid: str, sop_instance_uid: str = "", *, whole: bool = False) -> bool:
        """Let a series go first, from its middle or from the given instance outwards; False when there is none such.

        With `whole` its frames are sent whole at once, before the low resolutions of all but those requested later.
        """
        series = self._series.get(series_instance_uid)
        if series is None or (sop_instance_uid and sop_instance_uid not in series.positions):
            return False
        series.turn = min(one.turn for one in self._series.values()) - 1
        series.at_once = whole
        series.focus = series.positions.get(sop_instance_uid, (len(series.positions) - 1) / 2)
        self._rebuild([(self._turn(step, turn.serial), step) for turn, step in self._pending])
        return True

    def wants_whole(self, ref: InstanceRef) -> bool:
        """Whether the instance's frames are to be sent whole at once."""
        return self._series[ref.series_instance_uid].at_once

    def _push(self, step: FrameStep) -> None:
        self._serial += 1
        heapq.heappush(self._pending, (self._turn(step, self._serial), step))

    def _rebuild(self, pending: list[tuple[_Turn, FrameStep]]) -> None:
        heapq.heapify(pending)
        self._pending = pending

    def _turn(self, step: FrameStep, serial: int) -> _Turn:
        series = self._series[step.ref.series_instance_uid]
        requested = series.at_once or step.part is not Part.REST
        stage = min(series.turn, _FIRST) if requested else _LAST
        place = series.positions[step.ref.sop_instance_uid]
        distance = abs(place - series.focus)
        frame_distance = abs(step.frame_number - self._middle_frames.get(step.ref, step.frame_number))
        return _Turn(stage, series.turn, round(2 * distance), place, round(2 * frame_distance), serial)
