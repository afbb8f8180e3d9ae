import pytest

from radgate.v1 import job_service_pb2 as jobs
from radgate.v1.transcode_service_pb2 import (
    QUALITY_LEVEL_DIAGNOSTIC,
    QUALITY_LEVEL_PREVIEW,
    QUALITY_LEVEL_THUMBNAIL,
    QUALITY_LEVEL_UNSPECIFIED,
    TranscodeTarget,
)
from radgate_server.core.errors import InvalidArgumentError, NotAcceptableError
from radgate_server.core.imaging.frames import EncodeTarget
from radgate_server.core.imaging.render_target import RENDERED_JPEG, RENDERED_PNG, RenderTarget, Viewport
from radgate_server.core.jobs import Job, JobKind, JobProgress, JobRequest, JobState
from radgate_server.core.transfer_syntaxes import HTJ2K, JPEG_2000, JPEG_LOSSLESS_SV1
from radgate_server.rpc.v1.convert_jobs import from_create, to_job
from radgate_server.rpc.v1.convert_transcode import FrameTarget, frame_target, instance_target
from tests.fakes.clock import START

MPEG2 = "1.2.840.10008.1.2.4.100"


@pytest.mark.parametrize(
    ("target", "made"),
    [
        (TranscodeTarget(), None),
        (TranscodeTarget(quality_level=QUALITY_LEVEL_DIAGNOSTIC), None),
        (TranscodeTarget(transfer_syntax_uid=JPEG_LOSSLESS_SV1), EncodeTarget(JPEG_LOSSLESS_SV1)),
        (TranscodeTarget(transfer_syntax_uid=JPEG_2000, quality=40), EncodeTarget(JPEG_2000, quality=40)),
        (TranscodeTarget(media_type=RENDERED_PNG), RenderTarget(RENDERED_PNG)),
        (TranscodeTarget(quality_level=QUALITY_LEVEL_THUMBNAIL), RenderTarget(RENDERED_JPEG, Viewport(128, 128))),
        (
            TranscodeTarget(quality_level=QUALITY_LEVEL_PREVIEW, media_type=RENDERED_PNG, quality=50),
            RenderTarget(RENDERED_PNG, Viewport(768, 768), quality=50),
        ),
    ],
)
def test_what_frames_are_to_become(target: TranscodeTarget, made: FrameTarget) -> None:
    assert frame_target(target) == made


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        (TranscodeTarget(transfer_syntax_uid=HTJ2K, quality_level=QUALITY_LEVEL_THUMBNAIL), InvalidArgumentError),
        (TranscodeTarget(transfer_syntax_uid="jpeg"), InvalidArgumentError),
        (TranscodeTarget(transfer_syntax_uid=HTJ2K, quality=101), InvalidArgumentError),
        (TranscodeTarget(media_type=RENDERED_JPEG, quality=-1), InvalidArgumentError),
        (TranscodeTarget(quality_level=99), InvalidArgumentError),  # type: ignore[arg-type]
        (TranscodeTarget(transfer_syntax_uid=MPEG2), NotAcceptableError),
        (TranscodeTarget(transfer_syntax_uid="1.2.3"), NotAcceptableError),
        (TranscodeTarget(media_type="image/webp"), NotAcceptableError),
    ],
)
def test_what_frames_can_not_become(target: TranscodeTarget, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        frame_target(target)


def test_an_instance_becomes_one_in_another_transfer_syntax() -> None:
    for level in (QUALITY_LEVEL_UNSPECIFIED, QUALITY_LEVEL_DIAGNOSTIC):
        target = TranscodeTarget(transfer_syntax_uid=HTJ2K, quality_level=level, quality=60)
        assert instance_target(target) == EncodeTarget(HTJ2K, quality=60)


@pytest.mark.parametrize(
    "target",
    [
        TranscodeTarget(),
        TranscodeTarget(media_type=RENDERED_JPEG),
        TranscodeTarget(transfer_syntax_uid=HTJ2K, quality_level=QUALITY_LEVEL_PREVIEW),
    ],
)
def test_an_instance_becomes_no_picture(target: TranscodeTarget) -> None:
    with pytest.raises(InvalidArgumentError):
        instance_target(target)


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


def test_a_job_tells_how_it_stands() -> None:
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
    assert (dict(message.failures), message.HasField("end_time")) == ({"CODEC_FAILED": 1}, False)
    assert message.start_time.ToDatetime(START.tzinfo) == START
    thumbnails = JobRequest("east", JobKind.MAKE_THUMBNAILS, "1.2")
    waiting = to_job(Job("j2", thumbnails, JobState.WAITING, JobProgress(), START))
    assert (waiting.WhichOneof("work"), waiting.HasField("start_time")) == ("make_thumbnails", False)


def test_every_state_has_its_message() -> None:
    asked = from_create(transcode(), "east")
    states = {to_job(Job("j", asked, state, JobProgress(), START)).state for state in JobState}
    assert states == set(jobs.JobState.values()) - {jobs.JOB_STATE_UNSPECIFIED}
