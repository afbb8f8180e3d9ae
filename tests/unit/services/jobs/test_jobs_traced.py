"""What a job's trace reports, and that it has nothing of the call that asked for the job but a link."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from radgate_server.core.errors import PacsUnreachableError
from radgate_server.core.jobs.job import JobKind, JobProgress, JobRequest
from radgate_server.core.jobs.ports import Report
from radgate_server.core.telemetry.request_context import trace_id
from radgate_server.core.telemetry.tracing import Part, SpanKind, TraceContext, current_traceparent, span
from radgate_server.services.jobs.traced import traced
from tests.recorded_spans import Spans, no_header
from tests.trace_tree import attributes_of

CALL = "radgate.v1.JobService/CreateJob"

type Work = Callable[[Report], Awaitable[None]]


class Recording:
    """Calls and jobs of which so large a share is recorded, and their spans once they have ended."""

    def __init__(self, *, share: float) -> None:
        self.spans = Spans()
        self.tracer = self.spans.recorder(share=share)
        self.reported: list[JobProgress] = []

    async def run(self, work: Work, *, traceparent: str = "") -> None:
        """Run a job that is asked for by the call `traceparent`."""

        async def handler(_request: JobRequest, report: Report) -> None:
            await work(report)

        async def keep(progress: JobProgress, _failures: dict[str, int]) -> None:
            self.reported.append(progress)

        handlers = traced({JobKind.MAKE_THUMBNAILS: handler}, self.tracer)
        request = JobRequest("east", JobKind.MAKE_THUMBNAILS, "1.2.3", traceparent=traceparent)
        await handlers[JobKind.MAKE_THUMBNAILS](request, keep)


async def find(report: Report) -> None:
    """Work at a PACS, half of which succeeds."""
    with span("C-FIND", SpanKind.CLIENT):
        await report(JobProgress(done=1, failed=1, total=2), {"CODEC_FAILED": 1})


async def test_a_job_is_a_trace_with_a_link_to_the_call_that_asked() -> None:
    recording = Recording(share=1)
    with Part(recording.tracer.begin(CALL, no_header)[1]):
        asked = current_traceparent()
        await recording.run(find, traceparent=asked)  # in the call's own context, as a queue in this process would
    part, job, call = recording.spans
    assert (job.name, job.parent_span_id, part.parent_span_id) == ("job make-thumbnails", b"", job.span_id)
    assert [link.span_id for link in job.links] == [call.span_id]
    assert part.trace_id == job.trace_id != call.trace_id
    assert attributes_of(job.attributes) == {"radgate.tenant": "east", "radgate.completed": 1, "radgate.failed": 1}
    assert recording.reported == [JobProgress(1, 1, 2)]
    assert "1.2.3" not in str(recording.spans)


async def test_a_job_that_fails_says_why_and_of_nobody() -> None:
    async def fail(_report: Report) -> None:
        raise PacsUnreachableError("no connection for Doe^Jane", pacs="main")

    recording = Recording(share=1)
    with pytest.raises(PacsUnreachableError):
        await recording.run(fail)
    (job,) = recording.spans
    assert attributes_of(job.attributes) == {
        "radgate.tenant": "east",
        "radgate.reason": "PACS_UNREACHABLE",
        "error.type": "PacsUnreachableError",
    }
    assert job.status.code == Status.STATUS_CODE_ERROR
    assert "Doe" not in str(job)


async def test_a_job_that_is_cancelled_has_not_failed() -> None:
    async def cancelled(_report: Report) -> None:
        raise asyncio.CancelledError

    recording = Recording(share=1)
    with pytest.raises(asyncio.CancelledError):
        await recording.run(cancelled)
    (job,) = recording.spans
    assert attributes_of(job.attributes) == {"radgate.tenant": "east", "radgate.cancelled": True}
    assert job.status.code == Status.STATUS_CODE_UNSET


async def test_a_job_that_is_cancelled_and_fails_while_it_stops_has_not_failed() -> None:
    began = asyncio.Event()

    async def fail(_report: Report) -> None:
        try:
            began.set()
            await asyncio.Event().wait()
        finally:
            raise ConnectionError

    recording = Recording(share=1)
    running = asyncio.create_task(recording.run(fail))
    await began.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    (job,) = recording.spans
    assert attributes_of(job.attributes) == {"radgate.tenant": "east", "radgate.cancelled": True}
    assert job.status.code == Status.STATUS_CODE_UNSET


async def test_a_job_that_is_not_recorded_adds_nothing_to_its_calls_trace() -> None:
    calls, jobs = Recording(share=1), Recording(share=0)
    with Part(calls.tracer.begin(CALL, no_header)[1]):
        await jobs.run(find)
    assert (jobs.spans, jobs.reported) == ([], [JobProgress(1, 1, 2)])
    assert [call.name for call in calls.spans] == [CALL]


@pytest.mark.parametrize("sampled", [True, False])
async def test_the_log_names_the_jobs_trace_to_its_end_or_else_that_of_the_call(*, sampled: bool) -> None:
    recording, asked = Recording(share=1), TraceContext("a" * 32, "b" * 16, sampled)
    trace_id.set("that of an earlier attempt")
    seen = []

    async def look(_report: Report) -> None:
        seen.append(trace_id.get())

    await recording.run(look, traceparent=asked.traceparent)
    trace_ids = [job.trace_id.hex() for job in recording.spans] or [asked.trace_id]
    assert seen == [trace_id.get()] == trace_ids
    assert (trace_ids == [asked.trace_id]) is not sampled
