from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.errors import ImageTooLargeError, ObjectNotFoundError
from radgate_server.core.imaging.frames import RenderedImage, StoredFrame
from radgate_server.core.imaging.ports import FrameWorkers, Priority
from radgate_server.core.imaging.presentation.model import Presentation
from radgate_server.core.imaging.render_target import RenderTarget, Viewport, Window
from radgate_server.services.imaging.pictures import render
from radgate_server.services.imaging.pictures.render import Renderer
from radgate_server.services.imaging.stored_frames import StoredFrames
from radgate_server.services.retrieve.instances import InstanceReader
from tests.fakes.frame_workers import InProcessFrameWorkers
from tests.fakes.instance_store import MemoryInstanceStore
from tests.fakes.instances import make_dataset, received

STUDY = "2.25.1"
TARGET = RenderTarget()


class Painter(InProcessFrameWorkers):
    """Paints the first bytes of the frames, and remembers how they were to be shown."""

    def __init__(self) -> None:
        super().__init__()
        self.presentations: list[Presentation] = []

    async def render(
        self,
        frames: Sequence[StoredFrame],
        presentations: Sequence[Presentation],
        target: RenderTarget,
        *,
        priority: Priority,
    ) -> RenderedImage:
        self.presentations += presentations
        return RenderedImage(bytes(frame.data[0] for frame in frames), target.media_type, 8, 8)


class Studio:
    """A renderer over instances in memory."""

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        self.store = MemoryInstanceStore()
        self.painter = Painter()
        reader = InstanceReader(self.store, executor)
        workers: FrameWorkers = self.painter
        self.renderer = Renderer(StoredFrames(reader), reader, workers, max_pixels=1000)

    async def put(self, **attributes: object) -> InstanceHandle:
        pixels = b"".join(bytes([number]) * 128 for number in range(1, 21))
        attributes = {"frames": 20, "PixelData": pixels} | attributes
        return await self.store.put("east", received(make_dataset(STUDY, f"{STUDY}.1", f"{STUDY}.1.1", **attributes)))


@pytest.fixture
def studio() -> Iterator[Studio]:
    with ThreadPoolExecutor(1) as executor:
        yield Studio(executor)


async def test_frames_are_rendered_alone_together_or_one_after_the_other(studio: Studio) -> None:
    handle = await studio.put()
    one = await studio.renderer.frame("east", handle, 3, TARGET, Priority.WARMING)
    animation = await studio.renderer.frames("east", handle, (2, 1), TARGET, Priority.WARMING)
    assert (one.data, animation.data) == (b"\3", b"\2\1")
    each = studio.renderer.each("east", handle, range(20, 0, -1), TARGET, Priority.WARMING)
    assert [(number, picture.data[0]) async for number, picture in each] == [(one, one) for one in range(20, 0, -1)]
    with pytest.raises(ObjectNotFoundError):
        await studio.renderer.frame("east", handle, 21, TARGET, Priority.WARMING)


async def test_how_a_frame_is_shown_is_read_once_for_the_same_bytes(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    presentation_of = render.presentation_of

    def count(model: dict[str, object], frame_number: int, bulk: dict[str, bytes]) -> Presentation:
        read.append(frame_number)
        return presentation_of(model, frame_number, bulk)

    monkeypatch.setattr(render, "presentation_of", count)
    handle = await studio.put(WindowCenter=1, WindowWidth=2)
    for number in (1, 1, 2):
        await studio.renderer.frame("east", handle, number, TARGET, Priority.WARMING)
    replaced = await studio.put(WindowCenter=3, WindowWidth=4)
    await studio.renderer.frame("east", replaced, 1, TARGET, Priority.WARMING)
    assert read == [1, 2, 1]
    windows = [presentation.windows for presentation in studio.painter.presentations]
    assert windows == [(Window(1, 2),)] * 3 + [(Window(3, 4),)]


async def test_what_is_too_large_is_refused(studio: Studio) -> None:
    handle = await studio.put()
    studio.renderer.require_size(RenderTarget(viewport=Viewport(10, 100)))
    with pytest.raises(ImageTooLargeError, match="smaller viewport"):
        studio.renderer.require_size(RenderTarget(viewport=Viewport(11, 100)))
    with pytest.raises(ImageTooLargeError, match="smaller viewport"):
        await studio.renderer.frames(
            "east", handle, (1, 2), RenderTarget(viewport=Viewport(10, 51)), Priority.INTERACTIVE
        )
    with pytest.raises(ImageTooLargeError, match="fewer frames"):
        await studio.renderer.frames("east", handle, range(1, 17), TARGET, Priority.INTERACTIVE)
    with pytest.raises(ImageTooLargeError, match="2000 frames at most"):
        await studio.renderer.frames("east", handle, (1,) * 2001, TARGET, Priority.INTERACTIVE)
    assert studio.painter.presentations == []
