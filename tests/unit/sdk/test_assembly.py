from pathlib import Path

import google_crc32c
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from radgate import CorruptDataError, IncompleteStudyError, Progress, RetrievedInstance
from radgate.assembly import FrameAssembler, InstanceAssembler, MetadataAssembler
from radgate.v1.dicom_pb2 import InstanceRef
from radgate.v1.retrieve_service_pb2 import (
    CompletenessRecord,
    FailedInstance,
    FrameHeader,
    FrameTrailer,
    InstanceHeader,
    InstanceMetadata,
    InstanceTrailer,
    RetrieveFramesResponse,
    RetrieveInstancesResponse,
    RetrieveMetadataResponse,
)

REF = InstanceRef(study_instance_uid="1.2", series_instance_uid="1.2.3", sop_instance_uid="1.2.3.4")
DATA = b"0123456789"


def header(size: int = len(DATA)) -> RetrieveInstancesResponse:
    return RetrieveInstancesResponse(header=InstanceHeader(ref=REF, transfer_syntax_uid="1.2.840", size_bytes=size))


def chunk(data: bytes) -> RetrieveInstancesResponse:
    return RetrieveInstancesResponse(chunk=data)


def trailer(data: bytes = DATA, **fields: object) -> RetrieveInstancesResponse:
    return RetrieveInstancesResponse(trailer=InstanceTrailer(crc32c=google_crc32c.value(data), **fields))


def failure() -> FailedInstance:
    status = Status(code=2, message="the PACS did not send it")
    status.details.add().Pack(ErrorInfo(reason="INSTANCE_NOT_SENT"))
    return FailedInstance(ref=REF, status=status)


def end(**fields: object) -> RetrieveInstancesResponse:
    return RetrieveInstancesResponse(completeness=CompletenessRecord(**fields))


def run(assembler: InstanceAssembler, *responses: RetrieveInstancesResponse) -> list[RetrievedInstance]:
    return [made for response in responses if (made := assembler.feed(response)) is not None]


def test_pieces_become_an_instance_and_progress_is_reported() -> None:
    reported: list[Progress] = []
    assembler = InstanceAssembler(reported.append, allow_partial=False)
    made = run(
        assembler, header(), chunk(DATA[:4]), chunk(b""), chunk(DATA[4:]), trailer(), end(expected=1, delivered=1)
    )
    assembler.finish()
    assert [(instance.sop_instance_uid, instance.data) for instance in made] == [("1.2.3.4", DATA)]
    assert (reported[0], reported[-1]) == (Progress(0, 4), Progress(1, 10))


@pytest.mark.parametrize(
    ("responses", "words"),
    [
        ([header(), chunk(DATA[:9]), trailer()], "9 bytes came instead of 10"),
        ([header(), chunk(b"9876543210"), trailer()], "checksum"),
        ([trailer()], "had not begun"),
    ],
)
def test_other_bytes_than_were_sent_are_refused(responses: list[RetrieveInstancesResponse], words: str) -> None:
    with pytest.raises(CorruptDataError, match=words):
        run(InstanceAssembler(None, allow_partial=True), *responses)


def test_an_instance_that_broke_off_is_thrown_away_and_listed_as_missing() -> None:
    assembler = InstanceAssembler(None, allow_partial=False)
    closing = end(expected=2, delivered=1, failed=[failure()])
    broken = trailer(status=Status(code=2))
    assert len(run(assembler, header(), chunk(b"01"), broken, header(), chunk(DATA), trailer(), closing)) == 1
    with pytest.raises(IncompleteStudyError, match="1 of 2 instances came") as caught:
        assembler.finish()
    missing = caught.value.missing[0]
    assert (missing.sop_instance_uid, missing.reason) == ("1.2.3.4", "INSTANCE_NOT_SENT")


def test_part_of_a_study_is_enough_when_the_caller_says_so() -> None:
    assembler = InstanceAssembler(None, allow_partial=True)
    run(assembler, end(expected=1, delivered=0, failed=[failure()]))
    assembler.finish()


def test_a_stream_that_was_cut_off_is_never_enough() -> None:
    assembler = InstanceAssembler(None, allow_partial=True)
    run(assembler, header(), chunk(DATA), trailer())
    with pytest.raises(IncompleteStudyError, match="1 of an unknown number"):
        assembler.finish()


def test_instances_lost_on_the_way_are_noticed() -> None:
    assembler = InstanceAssembler(None, allow_partial=True)
    run(assembler, end(expected=1, delivered=1))
    with pytest.raises(CorruptDataError, match="0 instances came, 1 were sent"):
        assembler.finish()


def test_headers_are_parsed_and_counted() -> None:
    assembler = MetadataAssembler(allow_partial=False)
    metadata = InstanceMetadata(ref=REF, dicom_json='{"00100010":{"vr":"PN"}}')
    assert assembler.feed(RetrieveMetadataResponse(metadata=metadata)) == {"00100010": {"vr": "PN"}}
    closing = CompletenessRecord(expected=1, delivered=1)
    assert assembler.feed(RetrieveMetadataResponse(completeness=closing)) is None
    assembler.finish()


def test_frames_are_checked() -> None:
    assembler = FrameAssembler()
    begin = RetrieveFramesResponse(header=FrameHeader(frame_number=3, size_bytes=2))
    crc32c = google_crc32c.value(b"ab")
    assembler.feed(begin)
    with pytest.raises(CorruptDataError, match="within a frame"):
        assembler.finish()
    assembler.feed(RetrieveFramesResponse(chunk=b"ab"))
    frame = assembler.feed(RetrieveFramesResponse(trailer=FrameTrailer(crc32c=crc32c)))
    assert frame
    assert (frame.frame_number, frame.data) == (3, b"ab")
    assembler.finish()
    with pytest.raises(CorruptDataError, match="had not begun"):
        assembler.feed(RetrieveFramesResponse(trailer=FrameTrailer(crc32c=crc32c)))


def test_an_instance_is_saved_under_its_uid(tmp_path: Path) -> None:
    instance = RetrievedInstance("1.2", "1.2.3", "1.2.3.4", "", "", DATA)
    path = instance.save(tmp_path / "new" / "folder")
    assert (path.name, path.read_bytes()) == ("1.2.3.4.dcm", DATA)
    assert [file.name for file in path.parent.iterdir()] == ["1.2.3.4.dcm"]


@pytest.mark.parametrize("uid", ["../../etc/passwd", "", "..", "a"])
def test_a_uid_that_is_none_does_not_become_a_path(tmp_path: Path, uid: str) -> None:
    with pytest.raises(CorruptDataError):
        RetrievedInstance("1.2", "1.2.3", uid, "", "", DATA).save(tmp_path)
    assert not list(tmp_path.iterdir())
