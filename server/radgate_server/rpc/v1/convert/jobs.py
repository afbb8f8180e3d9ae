"""Between the messages of JobService and the words of the core."""

from radgate.v1 import job_service_pb2 as messages
from radgate_server.core.dicom.identifiers import parse_scope
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.jobs.job import Job, JobClass, JobKind, JobRequest, JobState
from radgate_server.core.prefetch.batch import batch_of
from radgate_server.rpc.v1.convert.times import to_timestamp
from radgate_server.rpc.v1.convert.transcode import encode_target
from radgate_server.rpc.v1.enum_words import ERROR_REASONS
from radgate_server.services.jobs.handlers import parameters_of, target_of

_MAX_REQUEST_ID = 64
_STATES = {
    JobState.WAITING: messages.JOB_STATE_WAITING,
    JobState.RUNNING: messages.JOB_STATE_RUNNING,
    JobState.SUCCEEDED: messages.JOB_STATE_SUCCEEDED,
    JobState.FAILED: messages.JOB_STATE_FAILED,
    JobState.CANCELLED: messages.JOB_STATE_CANCELLED,
    JobState.PAUSED: messages.JOB_STATE_PAUSED,
}
_CLASSES = {
    JobClass.INTERACTIVE: messages.JOB_CLASS_INTERACTIVE,
    JobClass.NORMAL: messages.JOB_CLASS_NORMAL,
    JobClass.BACKGROUND: messages.JOB_CLASS_BACKGROUND,
}
_REQUESTED_CLASSES = {number: each for each, number in _CLASSES.items()} | {
    messages.JOB_CLASS_UNSPECIFIED: JobClass.NORMAL
}
_FIELDS = {JobKind.TRANSCODE_STUDY: "transcode_study", JobKind.MAKE_THUMBNAILS: "make_thumbnails"}
"""Of the kinds that concern one study, and that CreateJob takes."""
_KINDS = {field: kind for kind, field in _FIELDS.items()}


def from_create(request: messages.CreateJobRequest, tenant_id: str) -> JobRequest:
    """Check what is asked for.

    Raises:
        InvalidArgumentError: there is no work, or one of its fields is malformed.
        NotAcceptableError: nothing can be transcoded into that transfer syntax.
    """
    field = request.WhichOneof("work")
    if field is None:
        raise InvalidArgumentError("work", "say what is to be done: transcode_study or make_thumbnails")
    if len(request.request_id) > _MAX_REQUEST_ID:
        raise InvalidArgumentError("request_id", f"may have {_MAX_REQUEST_ID} characters at most")
    if request.job_class not in _REQUESTED_CLASSES:
        raise InvalidArgumentError("job_class", "is JOB_CLASS_INTERACTIVE, JOB_CLASS_NORMAL or JOB_CLASS_BACKGROUND")
    work = getattr(request, field)
    scope = parse_scope(work.study_instance_uid, work.series_instance_uid)
    return JobRequest(
        tenant_id,
        _KINDS[field],
        scope.study_instance_uid,
        scope.series_instance_uid or "",
        _parameters(request) if field == "transcode_study" else {},
        request.request_id,
        job_class=_REQUESTED_CLASSES[request.job_class],
    )


def to_job(job: Job) -> messages.Job:
    """Render a job as it stands."""
    request, progress = job.request, job.progress
    message = messages.Job(
        job_id=job.job_id,
        state=_STATES[job.state],
        done=progress.done,
        failed=progress.failed,
        total=progress.total,
        failures=[
            messages.FailureCount(reason=ERROR_REASONS.number(reason), instances=instances)
            for reason, instances in job.failures.items()
        ],
        reason=ERROR_REASONS.number(job.reason),
        message=job.message,
        create_time=to_timestamp(job.created),
        start_time=to_timestamp(job.started) if job.started else None,
        end_time=to_timestamp(job.ended) if job.ended else None,
        attempts=job.attempts,
        job_class=_CLASSES[request.job_class],
        fetched_bytes=progress.fetched_bytes,
    )
    if request.kind is JobKind.PREFETCH_STUDIES:
        message.prefetch_studies.study_instance_uids.extend(batch_of(request.parameters).studies)
        return message
    work = getattr(message, _FIELDS[request.kind])
    work.study_instance_uid, work.series_instance_uid = request.study_instance_uid, request.series_instance_uid
    if request.kind is JobKind.TRANSCODE_STUDY:
        target = target_of(request.parameters)
        work.transfer_syntax_uid, work.quality = target.transfer_syntax_uid, target.quality
    return message


def _parameters(request: messages.CreateJobRequest) -> dict[str, str]:
    work = request.transcode_study
    return parameters_of(encode_target(work.transfer_syntax_uid, work.quality, "transcode_study"))
