import pytest

from radgate.v1 import job_service_pb2 as jobs
from radgate.v1.error_reason_pb2 import ERROR_REASON_CODEC_FAILED
from radgate_server.core.dicom.transfer_syntaxes import HTJ2K
from radgate_server.core.errors import GatewayError, InvalidArgumentError, NotAcceptableError
from radgate_server.core.jobs.job import Job, JobKind, JobProgress, JobRequest, JobState, describe_failure
from radgate_server.rpc.errors import RULES
from radgate_server.rpc.v1.convert.jobs import from_create, to_job
from tests.fakes.clock import START

MPEG2 = "1.2.840.10008.1.2.4.100"


def transcode(**fields: object) -> jobs.CreateJobRequest:
    work = {"study_instance_uid": "1.2", "transfer_syntax_uid": HTJ2K, **fields}
    return jobs.CreateJobRequest(transcode_study=jobs.TranscodeStudyJob(**work), request_id="mine")  # type: ignore[arg-type]


def test_a_job_says_what_it_does() -> None:
    asked = from_create(transcode(series_instance_uid="1.2.3", quality=70), "east")
    parameters = {"transfer_syntax_uid": HTJ2K, "quality": "70"}
    assert asked == JobRequest("east", JobKind.TRANSCODE_STUDY, "1.2", "1.2.3", parameters, "mine")
    thumbnails = jobs.MakeThumbnailsJob(study_instance_uid="1.2")
    assert from_create(jobs.CreateJobRequest(make_thumbnails=thumbnails), "east") == JobRequest(
        "east", JobKind.MAKE_THUMBNAILS, "1.2"
    )


@pytest.mark.parametrize(
    ("request_", "kind"),
    [
        (jobs.CreateJobRequest(), InvalidArgumentError),
        (transcode(study_instance_uid=""), InvalidArgumentError),
        (transcode(series_instance_uid="x"), InvalidArgumentError),
        (transcode(quality=101), InvalidArgumentError),
        (transcode(transfer_syntax_uid=""), InvalidArgumentError),
        (transcode(transfer_syntax_uid=MPEG2), NotAcceptableError),
    ],
)
def test_jobs_that_can_not_be_done(request_: jobs.CreateJobRequest, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        from_create(request_, "east")


def test_a_request_id_is_short() -> None:
    request = transcode()
    request.request_id = "a" * 65
    with pytest.raises(InvalidArgumentError, match="request_id"):
        from_create(request, "east")


def test_a_job_reports_how_it_stands() -> None:
    asked = from_create(transcode(quality=70), "east")
    job = Job("j1", asked, JobState.RUNNING, JobProgress(1, 1, 3), START, START, failures={"CODEC_FAILED": 1})
    message = to_job(job)
    assert (message.job_id, message.state, message.done, message.failed, message.total) == (
        "j1",
        jobs.JOB_STATE_RUNNING,
        1,
        1,
        3,
    )
    assert (message.transcode_study.transfer_syntax_uid, message.transcode_study.quality) == (HTJ2K, 70)
    (failures,) = message.failures
    assert (failures.reason, failures.instances) == (ERROR_REASON_CODEC_FAILED, 1)
    assert not message.HasField("end_time")
    assert message.start_time.ToDatetime(START.tzinfo) == START
    thumbnails = JobRequest("east", JobKind.MAKE_THUMBNAILS, "1.2")
    waiting = to_job(Job("j2", thumbnails, JobState.WAITING, JobProgress(), START))
    assert (waiting.WhichOneof("work"), waiting.HasField("start_time")) == ("make_thumbnails", False)


def test_every_state_has_its_message() -> None:
    asked = from_create(transcode(), "east")
    states = {to_job(Job("j", asked, state, JobProgress(), START)).state for state in JobState}
    assert states == set(jobs.JobState.values()) - {jobs.JOB_STATE_UNSPECIFIED}


@pytest.mark.parametrize("kind", [kind for kind in RULES if issubclass(kind, GatewayError)])
def test_a_job_reports_failures_by_the_names_of_the_catalogue(kind: type[GatewayError]) -> None:
    error = kind.__new__(kind)  # whatever its arguments are
    error.message = "as it says"
    failure = describe_failure(error)
    assert failure.reason == RULES[kind].reason
    assert failure.defect == (failure.reason == "INTERNAL") == (failure.message != "as it says")
