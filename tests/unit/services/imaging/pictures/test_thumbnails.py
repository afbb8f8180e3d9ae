from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from radgate_server.adapters.cache.memory.answers import MemoryHotCache
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.errors import InstanceMalformedError, ObjectNotFoundError
from radgate_server.core.imaging.frames import RenderedImage, StoredFrame
from radgate_server.core.imaging.ports import FrameWorkers, Priority
from radgate_server.core.imaging.presentation.model import Presentation
from radgate_server.core.imaging.render_target import RenderTarget, Viewport
from radgate_server.services.imaging.pictures.placeholder import SIDE
from radgate_server.services.imaging.pictures.render import Renderer
from radgate_server.services.imaging.pictures.thumbnails import Thumbnails, ThumbnailTarget
from radgate_server.services.imaging.stored_frames import StoredFrames
from radgate_server.services.retrieve.instances import InstanceReader
from tests.fakes.clock import FakeClock
from tests.fakes.frame_workers import InProcessFrameWorkers
from tests.fakes.instance_store import MemoryInstanceStore
from tests.fakes.instances import make_dataset, received
from tests.fakes.telemetry import RecordingTelemetry

STUDY = "2.25.1"
NO_PIXELS = {"Rows": None, "Columns": None, "PixelData": None}


class Painter(InProcessFrameWorkers):
    """Paints the number of pictures so far, and remembers what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[StoredFrame] = []
        self.targets: list[RenderTarget] = []

    async def render(
        self,
        frames: Sequence[StoredFrame],
        presentations: Sequence[Presentation],
        target: RenderTarget,
        *,
        priority: Priority,
    ) -> RenderedImage:
        self.frames += frames
        self.targets.append(target)
        return RenderedImage(f"picture {len(self.targets)}".encode(), target.media_type, 128, 128)


class Studio:
    """Thumbnails of instances in memory."""

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        self.store = MemoryInstanceStore()
        self.painter = Painter()
        workers: FrameWorkers = self.painter
        reader = InstanceReader(self.store, executor)
        frames = StoredFrames(reader)
        self.derived = MemoryHotCache(
            limit_bytes=1 << 20, entry_limit_bytes=1 << 20, clock=FakeClock(), telemetry=RecordingTelemetry()
        )
        renderer = Renderer(frames, reader, workers, max_pixels=1 << 20)
        self.thumbnails = Thumbnails(frames, renderer, workers, self.derived)

    async def put(self, **attributes: object) -> InstanceHandle:
        dataset = make_dataset(STUDY, f"{STUDY}.1", f"{STUDY}.1.1", **attributes)
        return await self.store.put("east", received(dataset))

    async def make(self, handle: InstanceHandle, target: ThumbnailTarget | None = None) -> bytes:
        made = await self.thumbnails.make("east", handle, Priority.INTERACTIVE, target or ThumbnailTarget())
        return made.data


@pytest.fixture
def studio() -> Iterator[Studio]:
    with ThreadPoolExecutor(1) as executor:
        yield Studio(executor)


async def test_what_is_thrown_away_while_it_is_drawn_is_not_kept(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint = studio.painter.render

    async def render(*arguments: Any, **named: Any) -> RenderedImage:
        await studio.store.invalidate("east", STUDY)
        return await paint(*arguments, **named)

    monkeypatch.setattr(studio.painter, "render", render)
    handle = await studio.put()
    assert await studio.make(handle) == b"picture 1"
    assert await studio.thumbnails.kept("east", handle.ref, ThumbnailTarget()) is None


async def test_the_usual_ones_are_made_once_and_found_without_the_instance(studio: Studio) -> None:
    handle = await studio.put()
    assert await studio.make(handle) == await studio.make(handle) == b"picture 1"
    assert await studio.make(handle, ThumbnailTarget(64, 64)) == b"picture 2"
    assert await studio.thumbnails.kept("east", handle.ref, ThumbnailTarget()) == (b"picture 1", ())
    assert await studio.thumbnails.kept("west", handle.ref, ThumbnailTarget()) is None
    assert studio.painter.targets[0] == RenderTarget(viewport=Viewport(128, 128), quality=85, letterboxed=True)


@pytest.mark.parametrize(
    "target", [ThumbnailTarget(100, 100), ThumbnailTarget(128, 64), ThumbnailTarget(media_type="image/png")]
)
async def test_unusual_ones_are_not_kept(studio: Studio, target: ThumbnailTarget) -> None:
    handle = await studio.put()
    assert [await studio.make(handle, target) for _ in range(2)] == [b"picture 1", b"picture 2"]
    assert await studio.thumbnails.kept("east", handle.ref, target) is None


async def test_an_instance_that_was_replaced_gets_a_new_one(studio: Studio) -> None:
    assert await studio.make(await studio.put(number=1)) == b"picture 1"
    assert await studio.make(await studio.put(number=2)) == b"picture 2"


async def test_the_middle_frame_is_shown_or_the_one_that_is_named(studio: Studio) -> None:
    pixels = b"".join(bytes([number]) * 128 for number in (1, 2, 3))
    handle = await studio.put(frames=3, PixelData=pixels)
    await studio.make(handle)
    await studio.make(handle, ThumbnailTarget(frame_number=3))
    assert [frame.data[0] for frame in studio.painter.frames] == [2, 3]
    with pytest.raises(ObjectNotFoundError):
        await studio.make(handle, ThumbnailTarget(frame_number=4))


async def test_a_placeholder_is_drawn_for_what_has_no_pixels_but_not_for_what_is_damaged(studio: Studio) -> None:
    await studio.make(await studio.put(**NO_PIXELS, Modality="SR"))
    assert (studio.painter.frames[0].image.rows, studio.painter.frames[0].image.columns) == (SIDE, SIDE)
    with pytest.raises(ObjectNotFoundError):
        await studio.make(await studio.put(**NO_PIXELS), ThumbnailTarget(frame_number=1))
    with pytest.raises(InstanceMalformedError):
        await studio.make(await studio.put(PixelData=b"\0\0"))
