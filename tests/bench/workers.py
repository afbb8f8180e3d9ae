"""What handing frames to image workers costs: `python -m tests.bench.workers [SECONDS]`.

Each way of a codec is run bare, by one thread a processor that calls the function again and again, and through the
pool: by calls of one frame, by batches as the server makes them of such frames (4 MiB decoded, two for each worker),
and by large ones, all of whose results are held at once. They take turns, so that whatever else the machine does
strikes all of them.
Decoding is what the server has done of it: a frame made Explicit VR Little Endian. What is that already, it sends to no
worker.
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import uvloop

from radgate_server.adapters.imaging.codecs import transcode_frame
from radgate_server.adapters.imaging.workers import ImageWorkers
from radgate_server.adapters.imaging.workers.worker_policy import number_of_workers
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, TRANSFER_SYNTAXES
from radgate_server.core.imaging.frames import EncodeTarget, StoredFrame
from radgate_server.core.imaging.ports import Priority
from radgate_server.settings.imaging import ImagingSettings
from tests.bench.ct import CT_ATTRIBUTES, ct_pixels
from tests.fakes.telemetry import RecordingTelemetry

SYNTAXES = ("5", "4.70", "4.80", "4.90", "4.202")
"""Ends of the UIDs of what is decoded and encoded."""
ROUNDS = 5
"""The best of them counts: the one that was disturbed least."""
CALLERS = 16
SERVER_BATCH = 8
MANY = 64
PRIORITY = Priority.INTERACTIVE


@dataclass(frozen=True)
class Workload:
    """One thing to do to a frame, bare and through the pool; the pool's takes a number of frames."""

    name: str
    bare: Callable[[], object]
    pooled: Callable[[int], Awaitable[object]]


def ct_frame() -> StoredFrame:
    """A slice of a real CT, 512 x 512 x 16 bit."""
    image = ImagePixel(512, 512, 1, 16, CT_ATTRIBUTES["BitsStored"], 1, 1, "MONOCHROME2")
    return StoredFrame(ct_pixels(0), EXPLICIT_VR_LITTLE_ENDIAN, image)


def workloads(workers: ImageWorkers) -> Iterator[Workload]:
    """Decoding and encoding, for each syntax."""
    native, decoded = ct_frame(), EncodeTarget(EXPLICIT_VR_LITTLE_ENDIAN)
    for end in SYNTAXES:
        target = EncodeTarget(f"1.2.840.10008.1.2.{end}")
        name = TRANSFER_SYNTAXES[target.transfer_syntax_uid].name
        encoded = transcode_frame(native, target)
        stored = StoredFrame(encoded.data, encoded.transfer_syntax_uid, encoded.image)
        yield _transcoding(f"decode {name}", stored, decoded, workers)
        yield _transcoding(f"encode {name}", native, target, workers)


def _transcoding(name: str, frame: StoredFrame, target: EncodeTarget, workers: ImageWorkers) -> Workload:
    return Workload(
        name,
        lambda: transcode_frame(frame, target),
        lambda count: workers.transcode([frame] * count, target, priority=PRIORITY),
    )


@dataclass(frozen=True)
class Figures:
    """Frames a second, and what one frame took of the processors, in µs: in all, and of the event loop's thread."""

    rate: float
    cpu_us: float
    loop_us: float = 0


def run_bare(workload: Workload, seconds: float, threads: int) -> Figures:
    """So many threads."""

    def work(_: int) -> int:
        done, end_s = 0, time.perf_counter() + seconds
        while time.perf_counter() < end_s:
            workload.bare()
            done += 1
        return done

    with ThreadPoolExecutor(threads) as executor:
        started_s, before_s = time.perf_counter(), time.process_time()
        done = sum(executor.map(work, range(threads)))
        elapsed_s, cpu_s = time.perf_counter() - started_s, time.process_time() - before_s
        return Figures(done / elapsed_s, cpu_s / done * 1e6)


async def run_pooled(workload: Workload, seconds: float, callers: int, frames: int, workers: ImageWorkers) -> Figures:
    """So many callers with so many frames each."""
    done = 0

    async def work() -> None:
        nonlocal done
        end_s = time.perf_counter() + seconds
        while time.perf_counter() < end_s:
            await workload.pooled(frames)
            done += frames

    def cpu_s() -> float:
        return time.process_time() + sum(worker_cpu_s(pid) for pid in workers.pids)

    started_s, before_s, loop_before_s = time.perf_counter(), cpu_s(), time.thread_time()
    await asyncio.gather(*(work() for _ in range(callers)))
    elapsed_s, all_s, loop_s = time.perf_counter() - started_s, cpu_s() - before_s, time.thread_time() - loop_before_s
    return Figures(done / elapsed_s, all_s / done * 1e6, loop_s / done * 1e6)


def worker_cpu_s(pid: int) -> float:
    """Processor time of a worker, which has one thread."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


async def measure(workload: Workload, seconds: float, threads: int, workers: ImageWorkers) -> str:
    """One line of the table. The ratio of processor time holds on a busy machine too, that of rates on a quiet one."""
    bare, single, server, batches = [], [], [], []
    for _ in range(ROUNDS):
        bare.append(await asyncio.to_thread(run_bare, workload, seconds, threads))
        single.append(await run_pooled(workload, seconds, CALLERS, 1, workers))
        server.append(await run_pooled(workload, seconds, 2 * threads, SERVER_BATCH, workers))
        batches.append(await run_pooled(workload, seconds, 2, MANY, workers))
    megabytes = len(ct_frame().data) / min(each.cpu_us for each in batches)
    return (
        f"{workload.name:38} bare {_reported(bare)}; single {_reported(single, bare)}; batches of {SERVER_BATCH} "
        f"{_reported(server, bare)}; of {MANY} {_reported(batches, bare)}, {megabytes:4.0f} MB/s of processor time; "
        f"loop {', '.join(f'{min(each.loop_us for each in runs):4.0f} µs' for runs in (single, server, batches))}"
    )


def _reported(runs: Sequence[Figures], bare: Sequence[Figures] = ()) -> str:
    rate, cpu_us = max(each.rate for each in runs), min(each.cpu_us for each in runs)
    reported = f"{rate:6,.0f}/s {cpu_us:6,.0f} µs"
    if not bare:
        return reported
    by_rate, by_cpu = rate / max(each.rate for each in bare), min(each.cpu_us for each in bare) / cpu_us
    return f"{reported} ({by_rate:.2f}; by processor time {by_cpu:.2f})"


async def main(seconds: float) -> None:
    """Measure all ways."""
    workers = ImageWorkers(ImagingSettings(), RecordingTelemetry())
    threads = number_of_workers(ImagingSettings())
    await workers.start()
    try:
        for workload in workloads(workers):
            await workload.pooled(2 * threads)  # all are awake, all libraries loaded
            print(await measure(workload, seconds, threads, workers), flush=True)
    finally:
        await workers.close()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    uvloop.run(main(float(sys.argv[1]) if sys.argv[1:] else 2.0))
