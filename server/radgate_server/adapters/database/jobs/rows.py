"""Rows of the table `jobs` as values."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row

from radgate_server.adapters.database.schema.jobs import jobs
from radgate_server.core.jobs.job import Job, JobClass, JobKind, JobProgress, JobRequest, JobState
from radgate_server.core.jobs.ports import JobReport

column = jobs.c
NOT_LEASED = {"lease": None, "lease_end_time": None}
NEVER = datetime(9000, 1, 1, tzinfo=UTC)
"""When a paused job is due. Its state is `waiting`: the version before knows no other, and leaves it alone thus."""
CLASSES = tuple(JobClass)
"""By the column `urgency`."""

known_kinds: ColumnElement[bool] = column.kind.in_([kind.value for kind in JobKind])
"""Beside a newer version there may be jobs that this one knows nothing of."""


def job_of(row: Row[Any]) -> Job:
    """The job."""
    return Job(
        row.job_id,
        JobRequest(
            row.tenant_id,
            JobKind(row.kind),
            row.study_instance_uid,
            row.series_instance_uid,
            row.parameters,
            row.request_id or "",
            row.traceparent,
            CLASSES[row.urgency],
        ),
        JobState.PAUSED if row.paused and row.state == JobState.WAITING else JobState(row.state),
        JobProgress(row.done, row.failed, row.total, row.fetched_bytes),
        row.create_time,
        row.start_time,
        row.end_time,
        row.attempts,
        row.reason,
        row.message,
        row.failures,
    )


def values_of(request: JobRequest) -> dict[str, Any]:
    """The columns that say what is to be done."""
    return {
        "tenant_id": request.tenant_id,
        "request_id": request.request_id or None,
        "kind": request.kind.value,
        "study_instance_uid": request.study_instance_uid,
        "series_instance_uid": request.series_instance_uid,
        "parameters": request.parameters,
        "traceparent": request.traceparent,
        "urgency": CLASSES.index(request.job_class),
    }


def progress_of(report: JobReport) -> dict[str, Any]:
    """The columns that say how far it is."""
    progress = report.progress
    return {
        "done": progress.done,
        "failed": progress.failed,
        "total": progress.total,
        "fetched_bytes": progress.fetched_bytes,
        "failures": dict(report.failures),
    }
