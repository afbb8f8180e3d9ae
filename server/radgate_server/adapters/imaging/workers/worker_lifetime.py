"""One worker's time in the pool: the rounds that it does, until it dies, hangs, or is to make room for a fresh one."""

import logging
import time
from enum import StrEnum

from radgate_server.adapters.imaging.worker.answers import Done, Failed, read_answer
from radgate_server.adapters.imaging.worker.checks import BrokenAnswerError
from radgate_server.adapters.imaging.workers.batch import Batch, Job
from radgate_server.adapters.imaging.workers.packets import WorkerGoneError
from radgate_server.adapters.imaging.workers.process import WorkerProcess
from radgate_server.adapters.imaging.workers.round_queue import RoundQueue
from radgate_server.adapters.imaging.workers.worker_policy import WorkerPolicy
from radgate_server.core.errors import CodecFailedError
from radgate_server.core.telemetry.ports import Telemetry

_log = logging.getLogger(__name__)


class Cause(StrEnum):
    """Why a worker ended."""

    CRASHED = "crashed"
    TIMED_OUT = "timed-out"
    RECYCLED = "recycled"
    NOT_STARTED = "not-started"
    BROKEN_ANSWER = "broken-answer"


class WorkerLifetime:
    """Gives one worker its work. `jobs` counts what it was given."""

    def __init__(self, worker: WorkerProcess, queue: RoundQueue, policy: WorkerPolicy, telemetry: Telemetry) -> None:
        self.jobs = 0
        self._worker = worker
        self._queue = queue
        self._policy = policy
        self._telemetry = telemetry
        self._busy_since_s: float | None = None
        self._timed_out = False
        self._suspect = False

    async def serve(self) -> Cause:
        """Do rounds until the worker ends or is to be replaced; report why."""
        while (taken := await self._queue.next_round(self._leaving)) is not None:
            undone = list(taken.jobs)
            try:
                await self._perform(taken.batch, undone)
            except WorkerGoneError:
                return Cause.TIMED_OUT if self._timed_out else Cause.CRASHED
            except BrokenAnswerError:
                return Cause.BROKEN_ANSWER
            finally:
                self._busy_since_s = None
                self._queue.end(taken, undone)
            self._worker.tidy()
        return Cause.CRASHED if self._worker.ended else Cause.RECYCLED

    def inspect(self) -> None:
        """Look after the worker, once in a while: kill it when it hangs, suspect it when it has grown."""
        if self._busy_since_s is not None and time.monotonic() - self._busy_since_s > self._policy.job_timeout_s:
            self._timed_out = True
            self._worker.kill()
        elif self._worker.resident_bytes() > self._policy.resident_bytes:
            self._suspect = True
            self._queue.look_up()

    def _leaving(self) -> bool:
        """Whether the worker does no more rounds. It has grown if it is large between two: not by its present job."""
        if self._worker.ended or self.jobs >= self._policy.jobs:
            return True
        if self._suspect:
            self._suspect = False
            return self._worker.resident_bytes() > self._policy.resident_bytes
        return False

    async def _perform(self, batch: Batch, undone: list[Job]) -> None:
        """Let the worker do the jobs; those that have an outcome are taken off the list."""
        self._busy_since_s = time.monotonic()
        await self._worker.send([job.task for job in undone])
        self.jobs += len(undone)
        while undone:
            self._busy_since_s = time.monotonic()
            try:
                await self._settle(batch, undone[0])
            except Exception as error:
                if not self._innocent(error):
                    self._fail(batch, self._explain(error, batch, undone.pop(0)))
                raise
            undone.pop(0)

    async def _settle(self, batch: Batch, job: Job) -> None:
        """Wait for the job's answer and pass it on, unless the call has left."""
        answer = read_answer(await self._worker.receive(), self._policy.limits.answer_bytes)
        if batch.outcome.done():
            return
        if isinstance(answer, Done):
            result = await self._worker.fetch(answer, batch.operation)
            batch.succeed(job, result)
            self._report(batch, "ok")
        elif isinstance(answer, Failed):
            _log.warning("a codec failed", extra={"operation": batch.operation.name, "reason": answer.kind})
            memory = answer.kind == MemoryError.__name__
            self._fail(batch, _codec_failed("took more memory than allowed for" if memory else "failed on", job))
        else:
            self._fail(batch, answer)

    def _innocent(self, error: Exception) -> bool:
        """Whether the worker ended before it began with the job, which another can do then."""
        return isinstance(error, WorkerGoneError) and error.unread and not self._timed_out

    def _explain(self, error: Exception, batch: Batch, job: Job) -> Exception:
        """What the call reports of a worker that ended in the middle of its job."""
        if not isinstance(error, WorkerGoneError | BrokenAnswerError):
            return error
        _log.warning("a codec took its worker down", extra={"operation": batch.operation.name})
        return _codec_failed("took too long for" if self._timed_out else "crashed on", job)

    def _fail(self, batch: Batch, error: Exception) -> None:
        batch.fail(error)
        self._queue.withdraw(batch)
        self._report(batch, type(error).__name__)

    def _report(self, batch: Batch, outcome: str) -> None:
        waited_s = time.monotonic() - batch.asked_s
        self._telemetry.image_job(batch.operation.name, batch.priority.name.lower(), outcome, waited_s)


def _codec_failed(what: str, job: Job) -> CodecFailedError:
    stored = job.task.frames[0].transfer_syntax_uid if job.task.frames else ""
    return CodecFailedError(f"the codec {what} this image", stored=stored)
