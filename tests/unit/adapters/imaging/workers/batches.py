"""Batches of jobs that hold nothing, for tests of who does what when."""

import asyncio

from radgate_server.adapters.imaging.operations import DECODE
from radgate_server.adapters.imaging.worker.requests import Task
from radgate_server.adapters.imaging.workers.batch import Batch
from radgate_server.core.imaging.ports import Priority

TASK = Task(DECODE.name, (), ())


def batch(
    jobs: int = 1,
    priority: Priority = Priority.INTERACTIVE,
    *,
    pixel_bytes: int = 1,
    asked_s: float = 0,
    tenant_id: str = "",
) -> Batch:
    """A call with so many jobs. Belongs to the running loop."""
    outcome = asyncio.get_running_loop().create_future()
    return Batch.of(DECODE, priority, [(TASK, pixel_bytes)] * jobs, outcome, asked_s, tenant_id)
