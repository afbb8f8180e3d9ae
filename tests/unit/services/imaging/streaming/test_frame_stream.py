"""A viewer's stream: pieces in the order of its wishes, each frame whole in the end, failures reported once."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable

import pytest

from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import FailedInstance
from radgate_server.core.errors import GatewayError, InstanceMalformedError, InstanceNotSentError, ResumeTokenStaleError
from radgate_server.core.imaging.frame_order import FrameOrder
from radgate_server.services.imaging.streaming.frame_stream import FrameEvent, FramePiece, FramePreview, FrameStream
from radgate_server.services.imaging.streaming.previews import Preview
from radgate_server.services.imaging.streaming.progressive_frames import ProgressiveFrame

A = [InstanceRef("1", "1.1", f"1.1.{number}") for number in range(1, 6)]
B = [InstanceRef("1", "1.2", f"1.2.{number}") for number in range(1, 4)]
FIRST_BYTES = 10
HTJ2K = "1.2.840.10008.1.2.4.202"


class Frames:
    """ProgressiveFrames of 100 bytes, of which 10 come first; `made` counts."""

    def __init__(
        self,
        *,
        frames: int = 1,
        size_bytes: int = 100,
        failing: dict[InstanceRef, GatewayError] | None = None,
        previewed: Collection[InstanceRef] = (),
        fronted: Collection[InstanceRef] = (),
    ) -> None:
        self.previewed = previewed
        self.fronted = fronted
        self.frames = frames
        self.size_bytes = size_bytes
        self.failing = failing or {}
        self.made: Counter[tuple[InstanceRef, int]] = Counter()

    async def count(self, _ref: InstanceRef) -> int:
        return self.frames

    async def preview(self, ref: InstanceRef, frame_number: int) -> Preview | None:
        return Preview(bytes([frame_number]), HTJ2K, 2, 3) if ref in self.previewed else None

    async def front(self, ref: InstanceRef, frame_number: int) -> ProgressiveFrame | None:
        if ref not in self.fronted:
            return None
        front = bytes([frame_number]) * 2 * FIRST_BYTES
        return ProgressiveFrame(front, HTJ2K, FIRST_BYTES, 3, self.size_bytes - len(front))

    async def make(self, ref: InstanceRef, frame_number: int) -> ProgressiveFrame:
        await asyncio.sleep(0)
        if ref in self.failing:
            raise self.failing[ref]
        self.made[ref, frame_number] += 1
        data = bytes([frame_number]) * self.size_bytes
        return ProgressiveFrame(data, HTJ2K, FIRST_BYTES if self.size_bytes > FIRST_BYTES else 0, 3)


class Arriving:
    """ArrivingSeries of what is near already."""

    over = True

    def __init__(self, arrived: Iterable[InstanceRef | FailedInstance]) -> None:
        self._arrived = list(arrived)
        self.hurried: list[str] = []

    async def __aenter__(self) -> None:
        self.over = False

    async def __aexit__(self, *_: object) -> None:
        self.over = True

    def take(self) -> list[InstanceRef | FailedInstance]:
        taken, self._arrived = self._arrived, []
        self.over = True
        return taken

    async def wait(self) -> None:
        assert not self._arrived

    def hurry(self, series_instance_uid: str) -> None:
        self.hurried.append(series_instance_uid)


def stream_of(
    *arrived: InstanceRef | FailedInstance, frames: Frames | None = None, ahead: int = 1
) -> tuple[FrameStream, Arriving]:
    arriving = Arriving(arrived)
    return FrameStream(FrameOrder([*A, *B]), arriving, frames or Frames(), ahead=ahead), arriving


async def collect(stream: FrameStream, on_event: Callable[[int], None] = lambda _: None) -> list[FrameEvent]:
    events = []
    async for event in stream.events():
        events.append(event)
        on_event(len(events))
    return events


def seen(events: list[FrameEvent]) -> list[tuple[str, int, int]]:
    return [(one.ref.sop_instance_uid[-3:], one.start, one.end) for one in events if isinstance(one, FramePiece)]


def joined(events: list[FrameEvent]) -> dict[tuple[InstanceRef, int], bytes]:
    frames: dict[tuple[InstanceRef, int], bytes] = {}
    for event in events:
        assert isinstance(event, FramePiece)
        before = frames.setdefault((event.ref, event.frame_number), b"")
        assert event.start == len(before)
        frames[event.ref, event.frame_number] = before + event.frame.data[event.start : event.end]
    return frames


@pytest.mark.parametrize("ahead", [1, 4, 100])
async def test_low_resolutions_come_first_and_in_the_end_every_frame_is_whole(ahead: int) -> None:
    frames = Frames(frames=3)
    stream, _ = stream_of(*A, *B, frames=frames, ahead=ahead)
    events = await collect(stream)
    assert joined(events) == {(ref, number): bytes([number]) * 100 for ref in [*A, *B] for number in (1, 2, 3)}
    assert [one.last for one in events if isinstance(one, FramePiece)] == [False] * 24 + [True] * 24
    assert (stream.counts.frames, stream.counts.delivered, stream.counts.failed) == (24, 8, 0)
    assert set(frames.made.values()) == {1}


@pytest.mark.parametrize("ahead", [1, 100])
async def test_previews_come_with_the_low_resolutions_and_the_frames_whole_afterwards(ahead: int) -> None:
    frames = Frames(previewed=A)
    stream, _ = stream_of(*A, *B, frames=frames, ahead=ahead)
    events = await collect(stream)
    assert [one.ref for one in events if isinstance(one, FramePreview)] == [A[number] for number in (2, 1, 3, 0, 4)]
    rest = [one for one in events if not isinstance(one, FramePreview)]
    assert seen(rest)[:3] == [(f"2.{number}", 0, 10) for number in (2, 1, 3)]
    assert seen(rest)[3:8] == [(f"1.{number}", 0, 100) for number in (3, 2, 4, 1, 5)]
    assert len(joined(rest)) == 8
    assert set(frames.made.values()) == {1}
    assert (stream.counts.frames, stream.counts.delivered, stream.counts.failed) == (8, 8, 0)


@pytest.mark.parametrize("ahead", [1, 100])
async def test_of_large_frames_no_more_than_the_front_is_read_for_a_low_resolution(ahead: int) -> None:
    frames = Frames(fronted=A)
    stream, _ = stream_of(*A, frames=frames, ahead=ahead)
    made_by_then: list[int] = []
    events = await collect(stream, lambda _: made_by_then.append(sum(frames.made.values())))
    assert seen(events) == [(f"1.{number}", *span) for span in ((0, 10), (10, 100)) for number in (3, 2, 4, 1, 5)]
    assert made_by_then[0] == 0
    assert joined(events) == {(ref, 1): b"\x01" * 100 for ref in A}
    assert set(frames.made.values()) == {1}
    assert (stream.counts.frames, stream.counts.delivered) == (5, 5)


@pytest.mark.parametrize("size_bytes", [5, 90, 100])
async def test_a_front_is_not_completed_by_another_frame(size_bytes: int) -> None:
    """The instance was replaced between the two: its frame is as long, shorter, or shorter than what was sent."""

    class Replaced(Frames):
        async def make(self, ref: InstanceRef, frame_number: int) -> ProgressiveFrame:
            return await super().make(ref, frame_number + 1)

    frames = Replaced(fronted=A[:1])
    stream, _ = stream_of(A[0], frames=frames)

    def replace(_: int) -> None:
        frames.size_bytes = size_bytes

    front, failed = await collect(stream, replace)
    assert isinstance(front, FramePiece)
    assert not front.last
    assert isinstance(failed, FailedInstance)
    assert isinstance(failed.error, ResumeTokenStaleError)
    assert (stream.counts.frames, stream.counts.delivered, stream.counts.failed) == (0, 0, 1)


async def test_a_front_is_sent_though_the_frame_is_wanted_whole_meanwhile() -> None:
    stream, _ = stream_of(*A, frames=Frames(fronted=A), ahead=100)

    def prioritize(_: int) -> None:
        assert stream.prioritize("1.1", "1.1.1", whole=True)

    events = await collect(stream, prioritize)
    assert seen(events)[:2] == [("1.3", 0, 10), ("1.2", 0, 10)]
    assert joined(events) == {(ref, 1): b"\x01" * 100 for ref in A}


async def test_who_wants_frames_whole_gets_no_preview_of_them() -> None:
    stream, _ = stream_of(*A, frames=Frames(previewed=A))
    assert stream.prioritize("1.1", "1.1.1", whole=True)
    assert seen(await collect(stream)) == [(f"1.{number}", 0, 100) for number in range(1, 6)]


async def test_the_middle_comes_first() -> None:
    stream, _ = stream_of(*A)
    assert [sop for sop, _, _ in seen(await collect(stream))] == [f"1.{n}" for n in (3, 2, 4, 1, 5)] * 2


async def test_a_priority_changes_what_is_pending() -> None:
    stream, arriving = stream_of(*A, *B)

    def prioritize(events: int) -> None:
        if events == 2:
            assert stream.prioritize("1.2", "1.2.3", whole=True)

    events = await collect(stream, prioritize)
    assert seen(events)[:5] == [("1.3", 0, 10), ("1.2", 0, 10), ("2.3", 0, 100), ("2.2", 0, 100), ("2.1", 0, 100)]
    assert arriving.hurried == ["1.2"]
    assert len(joined(events)) == 8


async def test_the_latest_priority_goes_before_an_earlier_one_for_whole_frames() -> None:
    stream, _ = stream_of(*A, *B)

    def prioritize(events: int) -> None:
        if events == 1:
            assert stream.prioritize("1.2", whole=True)
        if events == 2:
            assert stream.prioritize("1.1", "1.1.1")

    order = seen(await collect(stream, prioritize))
    assert order[:2] == [("1.3", 0, 10), ("2.2", 0, 100)]
    assert order[2:6] == [(f"1.{number}", 0, 10) for number in (1, 2, 4, 5)]
    assert order[6:8] == [("2.1", 0, 100), ("2.3", 0, 100)]
    assert {part[1:] for part in order[8:]} == {(10, 100)}


async def test_frames_before_their_turn_are_bounded_in_bytes() -> None:
    frames = Frames(size_bytes=20 << 20)
    stream, _ = stream_of(*A, *B, frames=frames, ahead=4)
    events = stream.events()
    for _ in range(3):
        await anext(events)
    assert sum(frames.made.values()) == 4  # without regard to their bytes it would be two more by now
    await events.aclose()


async def test_a_priority_for_what_is_not_there_changes_nothing() -> None:
    stream, arriving = stream_of(*A)
    assert not stream.prioritize("9")
    assert not arriving.hurried
    assert len(joined(await collect(stream))) == 5


async def test_frames_without_a_front_come_whole() -> None:
    stream, _ = stream_of(*A, frames=Frames(size_bytes=5))
    assert [(start, end) for _, start, end in seen(await collect(stream))] == [(0, 5)] * 5


async def test_what_was_not_kept_for_its_rest_is_made_again() -> None:
    frames = Frames(size_bytes=20 << 20)
    stream, _ = stream_of(*A[:3], frames=frames)
    events = await collect(stream)
    assert {len(data) for data in joined(events).values()} == {20 << 20}
    assert sum(frames.made.values()) > 3
    assert stream.counts.delivered == 3


@pytest.mark.parametrize("ahead", [1, 10])
async def test_an_instance_fails_once_and_the_others_come(ahead: int) -> None:
    broken = InstanceMalformedError("broken")
    stream, _ = stream_of(*A, frames=Frames(frames=4, failing={A[1]: broken}), ahead=ahead)
    events = await collect(stream)
    failures = [event for event in events if isinstance(event, FailedInstance)]
    assert failures == [FailedInstance(A[1], broken)]
    assert len(joined([event for event in events if event not in failures])) == 16
    assert (stream.counts.delivered, stream.counts.failed) == (4, 1)


async def test_instances_that_never_came_are_reported() -> None:
    missing = FailedInstance(A[0], InstanceNotSentError("not sent", pacs="main"))
    stream, _ = stream_of(missing, *A[1:])
    events = await collect(stream)
    assert missing in events
    assert (stream.counts.delivered, stream.counts.failed) == (4, 1)


async def test_an_instance_without_frames_is_delivered_with_nothing() -> None:
    stream, _ = stream_of(A[0], frames=Frames(frames=0))
    assert await collect(stream) == []
    assert stream.counts.delivered == 1


async def test_leaving_ends_what_is_being_made() -> None:
    frames = Frames()
    stream, _ = stream_of(*A, frames=frames, ahead=5)
    events = stream.events()
    await anext(events)
    await events.aclose()
    made = sum(frames.made.values())
    await asyncio.sleep(0)
    assert sum(frames.made.values()) == made
    assert len(asyncio.all_tasks()) == 1
