"""Traces of jobs: each run is one of its own, for a job may wait for minutes, be begun again, or run elsewhere."""

import asyncio
from collections.abc import Mapping

from radgate_server.core.jobs.job import JobKind, JobProgress, JobRequest, describe_failure
from radgate_server.core.jobs.ports import JobHandler, Report
from radgate_server.core.telemetry.request_context import trace_id
from radgate_server.core.telemetry.tracing import Part, Span, Tracer, current_span, parse_traceparent


def traced(handlers: Mapping[JobKind, JobHandler], tracer: Tracer) -> Mapping[JobKind, JobHandler]:
    """The handlers, each run recorded with a link to the call that asked for it."""
    return {kind: _traced(f"job {kind}", handler, tracer) for kind, handler in handlers.items()}


def _traced(name: str, handler: JobHandler, tracer: Tracer) -> JobHandler:
    async def run(request: JobRequest, report: Report) -> None:
        current_span.set(None)  # a queue in this process may have taken along what the call recorded
        cause = parse_traceparent(request.traceparent)
        recorded = tracer.begin_apart(name, cause)
        origin = cause if recorded is None else recorded.context
        trace_id.set("" if origin is None else origin.trace_id)  # and stays: what a queue logs of the end names it too
        await (handler(request, report) if recorded is None else _run_recorded(recorded, handler, request, report))

    return run


async def _run_recorded(recorded: Span, handler: JobHandler, request: JobRequest, report: Report) -> None:
    with Part(recorded) as part:
        part.note(tenant=request.tenant_id)

        async def report_and_note(progress: JobProgress, failures: dict[str, int]) -> None:
            part.note(completed=progress.done, failed=progress.failed)
            await report(progress, failures)

        try:
            await handler(request, report_and_note)
        except Exception as error:
            if _is_cancelled():
                raise asyncio.CancelledError from error
            part.note(reason=describe_failure(error).reason)
            raise


def _is_cancelled() -> bool:
    """Whether the failure is one on the way out, which the port says is none."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
