"""Which jobs a free worker is given next. Pure decisions: no process, no clock, no waiting.

- Interactive jobs go before thumbnails, thumbnails before warming.
- Of n workers, n - 1 at most do thumbnails and warming at the same time, so that one is never further from an
  interactive job than the end of another. A sole worker takes such jobs one by one.
- Within one priority tenants take turns, and within a tenant its calls in the order of their coming, each with one
  round: as many of its jobs as leave the other workers their share, at most ROUND_JOBS of them and ROUND_PIXEL_BYTES to
  decode. The jobs of a round belong to one call, so that one that hangs delays no other call.
- A call is refused when `max_waiting` jobs wait that would go before it or beside it: warming keeps nobody out. Of the
  places each tenant that waits has its share, also when another has taken more than its own.
"""

from collections import Counter
from dataclasses import dataclass

from radgate_server.adapters.imaging.workers.batch import Batch, Job
from radgate_server.adapters.imaging.workers.line import Line
from radgate_server.core.errors import ImageWorkersBusyError
from radgate_server.core.imaging.ports import Priority

ROUND_JOBS = 8
ROUND_PIXEL_BYTES = 4 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """What one worker does without asking again: jobs of one batch, in their order."""

    batch: Batch
    jobs: list[Job]


class Schedule:
    """The jobs that wait for `workers` workers."""

    def __init__(self, workers: int, max_waiting: int) -> None:
        self._workers = workers
        self._max_waiting = max_waiting
        self._background_limit = max(1, workers - 1)
        self._background = 0
        self._lines: dict[Priority, Line] = {priority: Line() for priority in Priority}
        self._waiting = dict.fromkeys(Priority, 0)

    def waiting(self, priority: Priority) -> int:
        """Jobs that no worker has been given."""
        return self._waiting[priority]

    def oldest_s(self, priority: Priority) -> float | None:
        """When the call came that has waited longest, None when none waits."""
        return min((batch.asked_s for batch in self._lines[priority].batches()), default=None)

    def admit(self, batch: Batch) -> None:
        """Let a batch wait.

        Raises:
            ImageWorkersBusyError: too many wait already.
        """
        before = [priority for priority in Priority if priority <= batch.priority]
        is_full = sum(self._waiting[priority] for priority in before) >= self._max_waiting
        if is_full and not self._has_a_share_left(batch.tenant_id, before):
            raise ImageWorkersBusyError("too many images wait for a worker; try again in a moment")
        self._lines[batch.priority].append(batch)
        self._waiting[batch.priority] += len(batch.waiting)

    def _has_a_share_left(self, tenant_id: str, priorities: list[Priority]) -> bool:
        waiting: Counter[str] = Counter({tenant_id: 0})
        for priority in priorities:
            waiting.update(self._lines[priority].waiting_by_tenant())
        return waiting[tenant_id] * len(waiting) < self._max_waiting

    def take(self) -> Round | None:
        """The next round for a worker that is free; None when there is none that it may do. End it with `end`."""
        for priority, line in self._lines.items():
            if priority is not Priority.INTERACTIVE and self._background >= self._background_limit:
                return None
            if line:
                return self._next_round(priority, line)
        return None

    def end(self, taken: Round, undone: list[Job]) -> None:
        """A worker is through with a round; the jobs that it did not get to are the next ones of their call."""
        batch = taken.batch
        self._background -= batch.priority is not Priority.INTERACTIVE
        if not undone or batch.outcome.done():
            return
        if not batch.waiting:
            self._lines[batch.priority].appendleft(batch)
        batch.waiting.extendleft(reversed(undone))
        self._waiting[batch.priority] += len(undone)

    def withdraw(self, batch: Batch) -> None:
        """Nobody waits for the batch any more: the jobs that no worker has been given are dropped."""
        if batch.waiting:
            self._lines[batch.priority].remove(batch)
            self._waiting[batch.priority] -= len(batch.waiting)
            batch.waiting.clear()

    def batches(self) -> list[Batch]:
        """All batches that wait."""
        return [batch for line in self._lines.values() for batch in line.batches()]

    def _next_round(self, priority: Priority, line: Line) -> Round:
        batch = line.popleft()
        jobs = self._cut(batch)
        self._waiting[priority] -= len(jobs)
        if batch.waiting:
            line.append(batch)
        self._background += priority is not Priority.INTERACTIVE
        return Round(batch, jobs)

    def _cut(self, batch: Batch) -> list[Job]:
        """Take the round's jobs off the batch."""
        alone = self._workers == 1 and batch.priority is not Priority.INTERACTIVE
        most = 1 if alone else min(ROUND_JOBS, -(-len(batch.waiting) // self._workers))
        jobs = [batch.waiting.popleft()]
        left_bytes = ROUND_PIXEL_BYTES - jobs[0].pixel_bytes
        while batch.waiting and len(jobs) < most and batch.waiting[0].pixel_bytes <= left_bytes:
            jobs.append(batch.waiting.popleft())
            left_bytes -= jobs[-1].pixel_bytes
        return jobs
