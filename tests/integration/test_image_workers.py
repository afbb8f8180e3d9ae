"""Image workers as real processes: what they do, in which order, and within which limits."""

import asyncio
import subprocess
import sys

import pytest
import uvloop

from radgate_server.adapters.imaging.worker.shared_memory import MAPPED_BYTES
from radgate_server.core.errors import (
    ImageTooLargeError,
    ImageWorkersBusyError,
    InstanceMalformedError,
    NotAcceptableError,
)
from radgate_server.core.imaging.frames import EncodeTarget, StoredFrame
from radgate_server.core.imaging.presentation.model import Presentation
from radgate_server.core.imaging.render_target import RenderTarget, Viewport
from radgate_server.settings.shared.table import MIB
from tests.integration.image_pool import (
    HTJ2K_LOSSLESS_RPCL,
    INTERACTIVE,
    JPEG_2000_LOSSLESS,
    LARGE,
    THUMBNAIL,
    WARMING,
    frame,
    open_files,
    pool,
)
from tests.integration.waiting import until


async def test_frames_come_back_in_their_order() -> None:
    frames = [frame(seed=seed) for seed in range(40)]
    async with pool(2) as made:
        assert await made.decode(*frames) == [each.data for each in frames]
        assert [job.outcome for job in made.telemetry.image_jobs] == ["ok"] * 40
        assert await made.decode() == []


async def test_large_and_small_results_cross_and_memory_is_given_back() -> None:
    async with pool() as made:
        assert await made.decode(LARGE) == [LARGE.data]
        assert await made.decode(frame()) == [frame().data]
        regions = [size for name, size in open_files() if "memfd:radgate" in name]
        assert regions
        assert max(regions) <= MAPPED_BYTES


async def test_encodes_and_decodes_again() -> None:
    async with pool(2) as made:
        stored = [frame(128, seed) for seed in range(9)]
        encoded = await made.workers.transcode(stored, EncodeTarget(HTJ2K_LOSSLESS_RPCL), priority=INTERACTIVE)
        assert {each.transfer_syntax_uid for each in encoded} == {HTJ2K_LOSSLESS_RPCL}
        again = [StoredFrame(each.data, each.transfer_syntax_uid, each.image) for each in encoded]
        assert await made.decode(*again) == [each.data for each in stored]
        reduced = await made.workers.decode_reduced(again[0], rows=30, columns=30, priority=THUMBNAIL)
        assert (reduced.image.rows, reduced.image.columns) == (32, 32)


async def test_renders() -> None:
    async with pool() as made:
        target = RenderTarget(viewport=Viewport(32, 32))
        picture = await made.workers.render([frame()], [Presentation()], target, priority=INTERACTIVE)
        assert (picture.media_type, picture.rows, picture.columns) == ("image/jpeg", 32, 32)
        assert picture.data.startswith(b"\xff\xd8")


async def test_errors_of_codecs_cross_with_their_reason() -> None:
    async with pool() as made:
        broken = StoredFrame(b"\xff\x4f\xff\x51nonsense", JPEG_2000_LOSSLESS, frame().image)
        with pytest.raises(InstanceMalformedError):
            await made.decode(broken)
        with pytest.raises(NotAcceptableError):
            await made.decode(StoredFrame(b"\0" * 100, "1.2.840.10008.1.2.4.100", frame().image))
        assert [job.outcome for job in made.telemetry.image_jobs] == ["InstanceMalformedError", "NotAcceptableError"]
        assert made.telemetry.workers_ended == []


async def test_what_is_too_large_never_reaches_a_worker() -> None:
    async with pool(max_frame_bytes=MIB, max_rendered_pixels=1 << 16) as made:
        with pytest.raises(ImageTooLargeError):
            await made.decode(frame(1024))
        target = RenderTarget(viewport=Viewport(10**9, 10**9))
        with pytest.raises(ImageTooLargeError):
            await made.workers.render([frame()], [Presentation()], target, priority=INTERACTIVE)
        assert made.telemetry.image_jobs == []


async def test_a_call_that_leaves_takes_its_jobs_out_of_the_line() -> None:
    async with pool() as made:
        await made.stop()
        begun = made.decode(frame())
        await made.taken()
        waits = made.decode(*[frame()] * 5)
        await until(lambda: made.workers.waiting(INTERACTIVE) == 5)
        waits.cancel()
        begun.cancel()
        await until(lambda: made.workers.waiting(INTERACTIVE) == 0)
        made.resume()
        assert await made.decode(frame(seed=3)) == [frame(seed=3).data]
        assert len(made.telemetry.image_jobs) == 1
        assert made.telemetry.workers_ended == []


async def test_the_more_urgent_are_served_first() -> None:
    async with pool() as made:
        await made.stop()
        first = made.decode(frame())
        await made.taken()
        calls = []
        for priority in (WARMING, THUMBNAIL, INTERACTIVE):
            calls.append(made.decode(frame(), frame(), priority=priority))
            await until(lambda priority=priority: made.workers.waiting(priority) == 2)  # type: ignore[misc]
        made.resume()
        await asyncio.gather(first, *calls)
        order = [job.priority for job in made.telemetry.image_jobs]
        assert order == ["interactive"] * 3 + ["thumbnail"] * 2 + ["warming"] * 2


async def test_warming_leaves_a_worker_free() -> None:
    async with pool(2) as made:
        await made.stop()
        warming = made.decode(*[frame()] * 40, priority=WARMING)
        await until(lambda: 0 < made.workers.waiting(WARMING) < 40)
        interactive = made.decode(frame())
        await made.taken()
        assert made.workers.waiting(WARMING) > 0
        assert made.workers.oldest_waiting_s(WARMING) > 0
        assert made.workers.oldest_waiting_s(INTERACTIVE) == 0
        made.resume()
        await interactive
        await warming


async def test_when_too_many_wait_the_caller_is_informed() -> None:
    async with pool(max_waiting=2) as made:
        await made.stop()
        calls = [made.decode(frame())]
        await made.taken()
        calls.append(made.decode(frame(), frame()))
        await until(lambda: made.workers.waiting(INTERACTIVE) == 2)
        with pytest.raises(ImageWorkersBusyError):
            await made.decode(frame())
        made.resume()
        await asyncio.gather(*calls)


def test_a_worker_imports_nothing_of_the_server_that_it_does_not_need() -> None:
    program = (
        "import sys, radgate_server.adapters.imaging.worker.__main__ as worker\n"
        "worker.load_operations()\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    listed = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    modules = set(listed.stdout.split())
    assert {"imagecodecs", "numpy", "radgate_server"} <= modules
    assert not modules & {"grpc", "sqlalchemy", "pynetdicom", "uvloop", "asyncio", "pydantic", "httpx", "radgate"}


def test_runs_on_uvloop_too() -> None:
    async def main() -> list[bytes]:
        async with pool(2) as made:
            return await made.decode(*[frame(1024)] * 3)

    assert uvloop.run(main()) == [frame(1024).data] * 3
