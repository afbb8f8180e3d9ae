"""Runs jobs for as long as it lives. Started, and killed, by test_jobs_drill.py.

    python -m tests.integration.job_runner DATABASE_URL NATS_URL

A job is a short sleep; the lease is short too, so that others need not wait long for what was left.
"""

import asyncio
import sys

from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.jobs.store import SqlJobStore
from radgate_server.adapters.jobs.nats import NatsAccess, StreamSetup, open_nats_notices
from radgate_server.core.jobs.job import JobKind, JobProgress, JobRequest
from radgate_server.core.jobs.ports import Report
from radgate_server.services.jobs import queue

LEASE_S = 2.5
JOB_S = 0.2
LIMITS = queue.JobLimits(max_running=2, max_waiting=1000)


async def work(_: JobRequest, report: Report) -> None:
    await report(JobProgress(0, 0, 1), {})
    await asyncio.sleep(JOB_S)
    await report(JobProgress(1, 0, 1), {})


async def run_for_good(database_url: str, nats_url: str) -> None:
    notices = open_nats_notices(NatsAccess(url=nats_url), StreamSetup(), lambda _: None)
    notices.start()
    store = SqlJobStore(Database(database_url))
    running = queue.StoredJobQueue(store, dict.fromkeys(JobKind, work), LIMITS, notices=notices, poll_interval_s=10)
    running.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    queue.LEASE_S = LEASE_S
    asyncio.run(run_for_good(*sys.argv[1:]))
