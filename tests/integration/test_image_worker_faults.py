"""Image workers that crash, hang, lie, grow or don't start; and that nothing of them stays behind."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from radgate_server.adapters.imaging.workers import ImageWorkers, process, worker_policy
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.errors import (
    CodecFailedError,
    ImageWorkersBusyError,
)
from radgate_server.settings.imaging import ImagingSettings
from radgate_server.settings.shared.table import MIB
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.image_pool import (
    INTERACTIVE,
    ROOT,
    Pool,
    cpu_ticks,
    deflated,
    frame,
    open_files,
    pool,
    state,
)
from tests.integration.waiting import until


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
async def test_a_crash_costs_one_job(number: signal.Signals) -> None:
    async with pool() as made:
        (pid,) = made.workers.pids
        before = cpu_ticks(pid)
        unlucky, other = made.toil(), made.decode(frame(seed=2))
        await until(lambda: cpu_ticks(pid) > before + 5)
        os.kill(pid, number)
        with pytest.raises(CodecFailedError, match="crashed") as caught:
            await unlucky
        assert caught.value.details == {"stored": EXPLICIT_VR_LITTLE_ENDIAN}
        assert await other == [frame(seed=2).data]
        assert made.telemetry.workers_ended == ["crashed"]


async def test_a_worker_that_dies_before_it_begins_costs_no_job() -> None:
    async with pool() as made:
        (before,) = made.workers.pids
        await made.stop()
        handed_over = made.decode(frame())
        await made.taken()
        os.kill(before, signal.SIGKILL)
        assert await handed_over == [frame().data]
        assert before not in made.workers.pids
        assert made.telemetry.workers_ended == ["crashed"]


async def test_a_hanging_worker_is_replaced_after_the_time_limit() -> None:
    async with pool(job_timeout_s=2) as made:
        await made.stop()
        with pytest.raises(CodecFailedError, match="too long"):
            await made.decode(frame())
        assert await made.decode(frame()) == [frame().data]
        assert made.telemetry.workers_ended == ["timed-out"]


async def test_a_codec_that_takes_too_much_memory_fails_alone() -> None:
    async with pool(worker_memory_bytes=256 * MIB) as made:
        with pytest.raises(CodecFailedError, match="more memory"):
            await made.decode(deflated(20_000))
        assert await made.decode(deflated(2_000)) == [bytes(2_000 * 2_000)]


async def test_every_job_is_answered_while_workers_are_killed_at_random(capsys: pytest.CaptureFixture[str]) -> None:
    moments = random.Random(20260102)
    waits_s: list[float] = []

    async def ask(made: Pool, seed: int) -> bool:
        asked_s = time.perf_counter()
        try:
            answer = await made.decode(frame(256, seed % 5))
        except CodecFailedError:
            return False
        finally:
            waits_s.append(time.perf_counter() - asked_s)
        return answer == [frame(256, seed % 5).data]

    async def kill(made: Pool) -> None:
        while True:
            await asyncio.sleep(moments.uniform(0.05, 0.3))
            if made.workers.ready == 2:
                os.kill(moments.choice(made.workers.pids), signal.SIGKILL)

    async with pool(2) as made:
        killing = asyncio.create_task(kill(made))
        good = 0
        for start in range(0, 1000, 10):
            good += sum(await asyncio.gather(*(ask(made, start + worker) for worker in range(10))))
            await asyncio.sleep(0.01)
        killing.cancel()
        # A worker's end is counted when it is buried, a little after its job was answered as lost.
        await until(lambda: made.telemetry.workers_ended.count("crashed") >= 1000 - good)
        crashes = made.telemetry.workers_ended.count("crashed")
        assert crashes > 0
        assert len(waits_s) == 1000
        assert 1000 - crashes <= good <= 1000
    waits_s.sort()
    with capsys.disabled():
        print(f"\n{crashes} workers killed, {1000 - good} of 1,000 jobs lost, p99 {waits_s[990] * 1e3:.0f} ms")


async def test_workers_are_replaced_when_they_have_done_much_or_grown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_policy, "RECYCLED_AFTER_JOBS", 5)
    async with pool() as made:
        before = set(made.workers.pids)
        for _ in range(6):
            await made.decode(frame())
        assert before.isdisjoint(made.workers.pids)
        assert made.telemetry.workers_ended == ["recycled"]
    monkeypatch.undo()
    monkeypatch.setattr(worker_policy, "RESIDENT_BYTES", MIB)
    async with pool() as made:
        before = set(made.workers.pids)
        await until(lambda: made.telemetry.workers_ended[:1] == ["recycled"])
        await until(lambda: bool(made.workers.pids) and before.isdisjoint(made.workers.pids))


@pytest.mark.parametrize("lie", ["pickle", "elsewhere", "strange"])
async def test_a_worker_that_lies_is_not_believed(lie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "PROGRAM", "tests.integration.lying_image_worker")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("TZ", lie)
    async with pool() as made:
        with pytest.raises(CodecFailedError):
            await made.decode(frame())
        await until(lambda: made.telemetry.workers_ended[:1] == ["broken-answer"])


async def test_when_no_worker_starts_calls_fail_instead_of_hanging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "PROGRAM", "tests.no_such_program")
    workers = ImageWorkers(ImagingSettings(workers=2), telemetry := RecordingTelemetry())
    await workers.start()
    try:
        for _ in range(2):
            with pytest.raises(ImageWorkersBusyError, match="starts"):
                await workers.decode([frame()], priority=INTERACTIVE)
        assert set(telemetry.workers_ended) == {"not-started"}
        monkeypatch.undo()
        await until(lambda: workers.ready > 0)
        assert len(await workers.decode([frame()], priority=INTERACTIVE)) == 1
    finally:
        await workers.close()


async def test_closing_leaves_nothing_behind() -> None:
    before = len(open_files())
    async with pool(3) as made:
        pids = made.workers.pids
        await made.stop()
        begun, waits = made.decode(frame()), made.decode(*[frame()] * 30)
        await until(lambda: made.workers.waiting(INTERACTIVE) < 30)
    for call in (begun, waits):
        with pytest.raises(ImageWorkersBusyError):
            await call
    assert len(pids) == 3
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    await until(lambda: len(open_files()) <= before)


async def test_workers_die_with_their_server() -> None:
    command = [sys.executable, "-m", "tests.integration.image_workers_owner"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        try:
            assert owner.stdout is not None
            pids = [int(pid) for pid in owner.stdout.readline().split()]
            assert len(pids) == 2
            assert not any(state(pid) in "ZX" for pid in pids)
            os.kill(pids[0], signal.SIGSTOP)  # such a one would not notice that the socket is closed
        finally:
            owner.kill()
    await until(lambda: all(state(pid) in "ZX" for pid in pids))
