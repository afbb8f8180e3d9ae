"""Which frames are worth a preview, and what comes of those that none can be made of."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.dicom.transfer_syntaxes import JPEG_2000_LOSSLESS
from radgate_server.core.errors import GatewayError, ImageWorkersBusyError, InstanceMalformedError, NotAcceptableError
from radgate_server.core.imaging.frames import StoredFrame
from radgate_server.services.imaging.streaming.previews import Previews, worth_making

LARGE = ImagePixel(4096, 4096, 1, 16, 12, 0, 1, "MONOCHROME2")


class Frames:
    """StoredFrames of a large image, which is compressed."""

    async def image(self, *_: object) -> ImagePixel:
        return LARGE

    @asynccontextmanager
    async def thinned_at_work(self, *_: object) -> AsyncGenerator[None]:
        yield None

    @asynccontextmanager
    async def at_work(self, *_: object) -> AsyncGenerator[list[StoredFrame]]:
        yield [StoredFrame(b"", JPEG_2000_LOSSLESS, LARGE)]


class Failing:
    """FrameWorkers that can't decode."""

    def __init__(self, error: GatewayError) -> None:
        self._error = error

    async def decode_reduced(self, *_: object, **__: object) -> None:
        raise self._error


async def make(error: GatewayError) -> object:
    previews = Previews(cast("Any", Frames()), cast("Any", Failing(error)))
    return await previews.make("east", cast("InstanceHandle", None), 1, rows=256, columns=256)


@pytest.mark.parametrize("error", [NotAcceptableError("no codec takes it"), InstanceMalformedError("damaged")])
async def test_what_can_not_be_decoded_so_may_still_be_as_a_whole(error: GatewayError) -> None:
    assert await make(error) is None


async def test_who_finds_the_workers_busy_is_informed() -> None:
    with pytest.raises(ImageWorkersBusyError):
        await make(ImageWorkersBusyError("busy"))


@pytest.mark.parametrize(
    ("frame", "requested", "worth"),
    [
        ((4096, 4096), (256, 256), True),
        ((4096, 3328), (512, 512), True),
        ((512, 512), (64, 64), False),  # encoded whole as soon
        ((1024, 1024), (257, 256), False),  # not much smaller
        ((16384, 16384), (1024, 1024), False),  # a preview too large for a message
        ((4096, 65535), (512, 512), False),  # nor one of 512 by 8192
        ((1024, 9000), (256, 256), True),
        ((4096, 4096), (0, 0), False),  # all at once
        ((4096, 4096), (256, 0), False),
    ],
)
def test_only_large_frames_of_which_little_is_requested(
    frame: tuple[int, int], requested: tuple[int, int], worth: bool
) -> None:
    assert worth_making(ImagePixel(*frame, 1, 16, 12, 0, 1, "MONOCHROME2"), *requested) is worth
