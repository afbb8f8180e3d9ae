"""Traces of jobs: each run is one of its own, for a job may wait for minutes, be begun again, or run elsewhere."""

from collections.abc import Mapping

from radgate_server.core.jobs import JobKind, JobProgress, JobRequest, describe_failure
from radgate_server.core.ports.queue import JobHandler, Report
from radgate_server.core.request_context import trace_id
from radgate_server.core.tracing import Part, Span, Tracer, current_span, parse_traceparent


def traced(handlers: Mapping[JobKind, JobHandler], tracer: Tracer) -> Mapping[JobKind, JobHandler]:
    """The handlers, each run recorded with a link to the call that asked for it."""
    return {kind: _traced(f"job {kind}", handler, tracer) for kind, handler in handlers.items()}


def _traced(name: str, handler: JobHandler, tracer: Tracer) -> JobHandler:
    async def run(request: JobRequest, report: Report) -> None:
        current_span.set(None)  # a queue in this process may have taken along what the call recorded
        recorded = tracer.begin_apart(name, parse_traceparent(request.traceparent))
        await (handler(request, report) if recorded is None else _run_recorded(recorded, handler, request, report))

    return run


async def _run_recorded(recorded: Span, handler: JobHandler, request: JobRequest, report: Report) -> None:
    before = trace_id.set(recorded.context.trace_id)
    with Part(recorded) as part:

        async def report_and_note(progress: JobProgress, failures: dict[str, int]) -> None:
            part.note(completed=progress.done, failed=progress.failed)
            await report(progress, failures)

        try:
            await handler(request, report_and_note)
        except Exception as error:
            part.note(reason=describe_failure(error).reason)
            raise
        finally:
            trace_id.reset(before)
