from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

import google_crc32c
import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

import radgate
from radgate.jobs import JobAssembler, thumbnails_request
from radgate.transcoding import (
    TranscodedFrameAssembler,
    TranscodedInstanceAssembler,
    TranscodeUpload,
    frames_request,
)
from radgate.v1 import job_service_pb2 as jobs
from radgate.v1 import transcode_service_pb2 as messages
from radgate.v1.dicom_pb2 import InstanceRef

REF = InstanceRef(study_instance_uid="1.2", series_instance_uid="1.2.3", sop_instance_uid="1.2.3.4")
DATA = b"0123456789"
CRC32C = google_crc32c.value(DATA)


def frame(**piece: Any) -> messages.TranscodeFramesResponse:
    return messages.TranscodeFramesResponse(**piece)


def frame_header(size_bytes: int = len(DATA)) -> messages.TranscodeFramesResponse:
    header = messages.TranscodedFrameHeader(
        frame_number=2, media_type="image/jpeg", size_bytes=size_bytes, rows=3, columns=4, lossy=True, notes=["odd"]
    )
    return frame(header=header)


def frame_end(crc32c: int = CRC32C) -> messages.TranscodeFramesResponse:
    return frame(trailer=messages.TranscodedFrameTrailer(crc32c=crc32c))


def feed(assembler: TranscodedFrameAssembler | TranscodedInstanceAssembler, pieces: Iterable[Any]) -> None:
    """The whole of a stream."""
    for piece in pieces:
        assembler.feed(piece)
    assembler.finish()


def test_pieces_become_a_frame() -> None:
    assembler = TranscodedFrameAssembler()
    pieces = frame_header(), frame(chunk=DATA[:3]), frame(chunk=DATA[3:]), frame_end()
    *nothing, made = [assembler.feed(piece) for piece in pieces]
    assembler.finish()
    assert nothing == [None] * 3
    assert made == radgate.TranscodedFrame(2, "", "image/jpeg", 3, 4, lossy=True, notes=("odd",), data=DATA)


@pytest.mark.parametrize(
    "pieces",
    [
        (frame_end(),),
        (frame_header(9), frame(chunk=DATA), frame_end()),
        (frame_header(), frame(chunk=DATA), frame_end(1)),
        (frame_header(), frame(chunk=DATA)),
    ],
)
def test_a_frame_that_is_not_what_was_sent(pieces: tuple[messages.TranscodeFramesResponse, ...]) -> None:
    with pytest.raises(radgate.CorruptDataError):
        feed(TranscodedFrameAssembler(), pieces)


def instance(**piece: Any) -> messages.TranscodeInstanceResponse:
    return messages.TranscodeInstanceResponse(**piece)


def instance_header() -> messages.TranscodeInstanceResponse:
    header = messages.TranscodedInstanceHeader(ref=REF, transfer_syntax_uid="1.2.840", size_bytes=len(DATA))
    return instance(header=header)


def instance_end(**fields: Any) -> messages.TranscodeInstanceResponse:
    return instance(trailer=messages.TranscodedInstanceTrailer(**fields))


def test_pieces_become_an_instance_that_can_be_saved(tmp_path: Path) -> None:
    assembler = TranscodedInstanceAssembler()
    for piece in (instance_header(), instance(chunk=b""), instance(chunk=DATA), instance_end(crc32c=CRC32C)):
        assembler.feed(piece)
    assembler.finish()
    assert assembler.made.transfer_syntax_uid == "1.2.840"
    saved = assembler.made.save(tmp_path / "new")
    assert (saved.name, saved.read_bytes()) == ("1.2.3.4.dcm", DATA)


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (instance_header(), instance(chunk=DATA)),
        (instance_end(crc32c=CRC32C),),
        (instance_header(), instance(chunk=DATA[:4]), instance_end(crc32c=CRC32C)),
    ],
)
def test_an_instance_that_is_not_what_was_sent(pieces: tuple[messages.TranscodeInstanceResponse, ...]) -> None:
    with pytest.raises(radgate.CorruptDataError):
        feed(TranscodedInstanceAssembler(), pieces)


def test_a_failure_within_the_stream_is_raised_for_its_reason() -> None:
    status = Status(code=grpc.StatusCode.DATA_LOSS.value[0], message="the codec crashed")
    status.details.add().Pack(ErrorInfo(reason="CODEC_FAILED", metadata={"stored": "1.2"}))
    assembler = TranscodedInstanceAssembler()
    assembler.feed(instance_header())
    with pytest.raises(radgate.ImageError, match="the codec crashed") as caught:
        assembler.feed(instance_end(status=status))
    assert (caught.value.code, caught.value.metadata) == (grpc.StatusCode.DATA_LOSS, {"stored": "1.2"})


def test_frames_are_asked_for_in_one_form() -> None:
    ref = "1.2", "1.2.3", "1.2.3.4"
    request = frames_request(ref, [2], "", "image/png", "preview", 80)
    assert (request.ref, list(request.frame_numbers)) == (REF, [2])
    assert request.target == messages.TranscodeTarget(
        media_type="image/png", quality_level=messages.QUALITY_LEVEL_PREVIEW, quality=80
    )
    with pytest.raises(ValueError, match="not both"):
        frames_request(ref, [], "1.2", "image/png", "diagnostic", 0)
    wrong: Any = "poor"
    with pytest.raises(ValueError, match="thumbnail, preview, diagnostic"):
        frames_request(ref, [], "", "", wrong, 0)


def test_an_upload_names_its_target_first(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(DATA)
    for file in (tmp_path / "a.dcm", DATA, BytesIO(DATA)):
        upload = TranscodeUpload(file, "1.2", 70)
        target, chunk = upload.requests()
        upload.check()
        assert target.target == messages.TranscodeTarget(transfer_syntax_uid="1.2", quality=70)
        assert chunk.chunk == DATA


def test_an_upload_reports_that_its_file_could_not_be_read(tmp_path: Path) -> None:
    upload = TranscodeUpload(tmp_path / "missing.dcm", "1.2", 0)
    assert len(list(upload.requests())) == 1
    with pytest.raises(FileNotFoundError):
        upload.check()


def test_a_watch_ends_with_its_job() -> None:
    assembler = JobAssembler()
    running, ended = (jobs.Job(state=state) for state in (jobs.JOB_STATE_RUNNING, jobs.JOB_STATE_FAILED))
    assert assembler.feed(jobs.WatchJobResponse(job=running)) == running
    with pytest.raises(radgate.UnavailableError):
        assembler.finish()
    assert assembler.feed(jobs.WatchJobResponse(job=ended)) == ended
    assembler.finish()


def test_a_job_is_created_once_however_often_it_is_asked_for() -> None:
    assert thumbnails_request("1.2", "", "mine").request_id == "mine"
    made_up = [thumbnails_request("1.2", "", "").request_id for _ in range(2)]
    assert all(made_up)
    assert made_up[0] != made_up[1]
