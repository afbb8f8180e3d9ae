"""A pool of image workers for tests: real processes, frames for them, and what /proc reports them."""

import asyncio
import contextlib
import os
import signal
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from radgate_server.adapters.imaging.workers import ImageWorkers
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.imaging.frames import EncodedFrame, EncodeTarget, StoredFrame
from radgate_server.core.imaging.ports import Priority
from radgate_server.settings.imaging import ImagingSettings
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.waiting import until

ROOT = Path(__file__).parents[2]
INTERACTIVE, THUMBNAIL, WARMING = Priority
HTJ2K_LOSSLESS_RPCL = "1.2.840.10008.1.2.4.202"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
DEFLATED_IMAGE_FRAME = "1.2.840.10008.1.2.8.1"


def frame(size: int = 64, seed: int = 1) -> StoredFrame:
    """A square of noise, of 16 bits, as stored in Explicit VR Little Endian."""
    pixels = np.random.default_rng(seed).integers(0, 4096, (size, size), dtype="<u2")
    image = ImagePixel(size, size, 1, 16, 16, 0, 1, "MONOCHROME2")
    return StoredFrame(pixels.tobytes(), EXPLICIT_VR_LITTLE_ENDIAN, image)


def deflated(size: int) -> StoredFrame:
    """A black square of 8 bits, a thousandth of its size when stored."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    row = bytes(size)
    data = b"".join([*(packer.compress(row) for _ in range(size)), packer.flush()])
    image = ImagePixel(size, size, 1, 8, 8, 0, 1, "MONOCHROME2")
    return StoredFrame(data + bytes(len(data) % 2), DEFLATED_IMAGE_FRAME, image)


LARGE = frame(4096)


class Pool:
    """Image workers of one test."""

    def __init__(self, settings: ImagingSettings) -> None:
        self.telemetry = RecordingTelemetry()
        self.workers = ImageWorkers(settings, self.telemetry)
        self.count = settings.workers

    def decode(self, *frames: StoredFrame, priority: Priority = INTERACTIVE) -> "asyncio.Task[list[bytes]]":
        """Begin to decode."""

        async def run() -> list[bytes]:
            return [each.pixels for each in await self.workers.decode(frames, priority=priority)]

        return asyncio.create_task(run())

    def toil(self) -> "asyncio.Task[list[EncodedFrame]]":
        """Begin with a job that takes seconds."""

        async def run() -> list[EncodedFrame]:
            return await self.workers.transcode([LARGE], EncodeTarget(JPEG_2000_LOSSLESS), priority=INTERACTIVE)

        return asyncio.create_task(run())

    async def all_ready(self) -> None:
        await until(lambda: self.workers.ready == self.count)

    async def taken(self, priority: Priority = INTERACTIVE) -> None:
        """Wait until no job waits."""
        await until(lambda: self.workers.waiting(priority) == 0)

    async def stop(self) -> None:
        """Let all workers stand still: they take no round until they continue."""
        for pid in self.workers.pids:
            os.kill(pid, signal.SIGSTOP)
        await until(lambda: all(state(pid) == "T" for pid in self.workers.pids))

    def resume(self) -> None:
        for pid in self.workers.pids:
            os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def pool(workers: int = 1, **settings: float) -> AsyncIterator[Pool]:
    made = Pool(ImagingSettings.model_validate({"workers": workers, **settings}))
    await made.workers.start()
    try:
        await made.all_ready()
        yield made
    finally:
        await made.workers.close()


def open_files() -> list[tuple[str, int]]:
    """Names of what this process has open, and the memory or disk that each takes, in bytes."""
    files = []
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # that by which the folder was read is closed
            files.append((str(path.readlink()), os.fstat(int(path.name)).st_blocks * 512))
    return files


def stat(pid: int) -> list[str]:
    """What /proc distinguishes of a process, from its state on (proc_pid_stat(5)); nothing when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def state(pid: int) -> str:
    """T while it stands still, Z when it is merely waiting to be buried, X when there is no such process."""
    return next(iter(stat(pid)), "X")


def cpu_ticks(pid: int) -> int:
    """Processor time that a process has used."""
    return int(stat(pid)[11])
