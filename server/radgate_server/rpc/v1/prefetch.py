"""PrefetchService: fetching studies before somebody asks for them."""

from radgate.v1 import prefetch_service_pb2 as messages
from radgate_server.core.prefetch.batch import PrefetchedStudy, PrefetchOutcome
from radgate_server.rpc.pipeline.call import Call
from radgate_server.rpc.v1.convert.jobs import to_job
from radgate_server.rpc.v1.convert.times import to_timestamp
from radgate_server.rpc.v1.enum_words import ERROR_REASONS
from radgate_server.rpc.v1.streams.page_token import requested_page
from radgate_server.services.prefetch.administration import PrefetchAdmin

# ruff: noqa: N802 (rpcs keep their names)

_OUTCOMES = {
    PrefetchOutcome.FETCHED: messages.PREFETCH_OUTCOME_FETCHED,
    PrefetchOutcome.CACHED: messages.PREFETCH_OUTCOME_CACHED,
    PrefetchOutcome.INCOMPLETE: messages.PREFETCH_OUTCOME_INCOMPLETE,
    PrefetchOutcome.NOT_STORED: messages.PREFETCH_OUTCOME_NOT_STORED,
    PrefetchOutcome.ERASED: messages.PREFETCH_OUTCOME_ERASED,
    PrefetchOutcome.REJECTED: messages.PREFETCH_OUTCOME_REJECTED,
    PrefetchOutcome.NOT_FOUND: messages.PREFETCH_OUTCOME_NOT_FOUND,
    PrefetchOutcome.FAILED: messages.PREFETCH_OUTCOME_FAILED,
}


class PrefetchServicer:
    """radgate.v1.PrefetchService."""

    def __init__(self, prefetch: PrefetchAdmin) -> None:
        self._prefetch = prefetch

    async def PrefetchStudies(
        self, request: messages.PrefetchStudiesRequest, call: Call
    ) -> messages.PrefetchStudiesResponse:
        """Take a job that fetches studies."""
        job = await self._prefetch.prefetch(call.caller, request.study_instance_uids, request.request_id)
        return messages.PrefetchStudiesResponse(job=to_job(job))

    async def ListPrefetchedStudies(
        self, request: messages.ListPrefetchedStudiesRequest, call: Call
    ) -> messages.ListPrefetchedStudiesResponse:
        """List what became of the studies of a job."""
        page = requested_page(request, call.caller.tenant_id)
        found, following = page.cut(await self._prefetch.outcomes(call.caller, request.job_id))
        return messages.ListPrefetchedStudiesResponse(studies=map(_to_study, found), next_page_token=following)


def _to_study(row: PrefetchedStudy) -> messages.PrefetchedStudy:
    return messages.PrefetchedStudy(
        study_instance_uid=row.study_instance_uid,
        outcome=_OUTCOMES[row.outcome],
        reason=ERROR_REASONS.number(row.reason),
        instances=row.instances,
        fetched_instances=row.fetched_instances,
        failed_instances=row.failed_instances,
        fetched_bytes=row.fetched_bytes,
        time=to_timestamp(row.time),
    )
