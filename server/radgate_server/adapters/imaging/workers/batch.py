"""The jobs of one call, and what has become of them."""

from asyncio import Future
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from radgate_server.adapters.imaging.operations import Operation, Result
from radgate_server.adapters.imaging.worker.requests import Task
from radgate_server.core.imaging.ports import Priority


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One task for one worker. `pixel_bytes` is how much it has to decode: a measure of how long it takes."""

    task: Task
    pixel_bytes: int
    number: int = 0
    """Its place among the results of its batch."""


@dataclass(slots=True, eq=False)
class Batch:
    """The jobs of one call, all of one operation; `waiting` holds those that no worker has been given.

    `outcome` gets the results, in the order of the jobs, when the last has one, or the first error. Nobody listens to
    it any more once it is done, cancelled for example: what its jobs still bring is dropped.
    """

    operation: Operation[Any]
    priority: Priority
    waiting: deque[Job]
    outcome: Future[list[Result]]
    asked_s: float
    """When the call came, by time.monotonic."""
    tenant_id: str = ""
    results: list[Result | None] = field(init=False)
    missing: int = field(init=False)

    def __post_init__(self) -> None:
        self.missing = len(self.waiting)
        self.results = [None] * self.missing

    @classmethod
    def of(
        cls,
        operation: Operation[Any],
        priority: Priority,
        tasks: Sequence[tuple[Task, int]],
        outcome: Future[list[Result]],
        asked_s: float,
        tenant_id: str = "",
    ) -> "Batch":
        """A batch of tasks, each with its `pixel_bytes`."""
        jobs = (Job(task, pixel_bytes, number) for number, (task, pixel_bytes) in enumerate(tasks))
        return cls(operation, priority, deque(jobs), outcome, asked_s, tenant_id)

    def succeed(self, job: Job, result: Result) -> None:
        """A job has its result."""
        if self.outcome.done():
            return
        self.results[job.number] = result
        self.missing -= 1
        if not self.missing:
            self.outcome.set_result([result for result in self.results if result is not None])

    def fail(self, error: Exception) -> None:
        """A job failed, and the call with it."""
        if not self.outcome.done():
            self.outcome.set_exception(error)
