from collections.abc import Callable

import google_crc32c
import grpc
import pytest

from radgate import (
    CorruptDataError,
    IncompleteStudyError,
    InvalidRequestError,
    PacsError,
    Progress,
    RadgateError,
    ServerError,
    UnavailableError,
)
from radgate.assembly import InstanceAssembler
from radgate.resuming import Resumption
from radgate.v1.dicom_pb2 import InstanceRef
from radgate.v1.retrieve_service_pb2 import (
    CompletenessRecord,
    InstanceHeader,
    InstanceTrailer,
    RetrieveInstancesRequest,
    RetrieveInstancesResponse,
)
from tests.fakes.clock import FakeClock

DATA = b"0123456789"
BROKEN = UnavailableError("the connection broke", code=grpc.StatusCode.UNAVAILABLE)


def resumption(
    max_resumes: int = 3, timeout_s: float | None = None, clock: Callable[[], float] = lambda: 0.0, token: bytes = b""
) -> Resumption[object]:
    request = RetrieveInstancesRequest(study_instance_uid="1.2", resume_token=token)
    assembler = InstanceAssembler(None, allow_partial=False, resume_token=token)
    return Resumption(request, assembler, max_resumes=max_resumes, timeout_s=timeout_s, clock=clock)


def half() -> list[RetrieveInstancesResponse]:
    ref = InstanceRef(study_instance_uid="1.2", series_instance_uid="1.2.3", sop_instance_uid="1.2.3.4")
    return [
        RetrieveInstancesResponse(header=InstanceHeader(ref=ref, size_bytes=len(DATA))),
        RetrieveInstancesResponse(chunk=DATA[:5]),
    ]


def whole(token: bytes) -> list[RetrieveInstancesResponse]:
    trailer = InstanceTrailer(crc32c=google_crc32c.value(DATA), resume_token=token)
    return [*half(), RetrieveInstancesResponse(chunk=DATA[5:]), RetrieveInstancesResponse(trailer=trailer)]


def take(made: Resumption[object], responses: list[RetrieveInstancesResponse]) -> None:
    for response in responses:
        made.assembler.feed(response)


def test_what_breaks_in_its_midst_continues_from_the_last_token() -> None:
    made = resumption()
    take(made, whole(b"one") + half())
    assert made.delay_s(BROKEN) is not None
    assert made.request.resume_token == b"one"
    take(made, whole(b"two"))
    closing = CompletenessRecord(expected=2, delivered=1, delivered_before=1)
    take(made, [RetrieveInstancesResponse(completeness=closing)])
    made.assembler.finish()
    assert (made.assembler.received, made.assembler.resume_token) == (2, b"two")


def test_what_breaks_in_its_first_instance_begins_again() -> None:
    made = resumption()
    take(made, half())
    assert made.delay_s(BROKEN) is not None
    assert made.request.resume_token == b""


def test_what_never_began_is_asked_for_three_times_more_when_the_connection_broke() -> None:
    made = resumption(token=b"of yesterday")
    assert [made.delay_s(BROKEN) is not None for _ in range(4)] == [True, True, True, False]
    assert made.request.resume_token == b"of yesterday"
    busy = PacsError("busy", code=grpc.StatusCode.UNAVAILABLE, reason="PACS_BUSY", retry_after_s=1.0)
    assert resumption().delay_s(busy) is None, "a server that answered is not asked again"
    assert resumption(max_resumes=0).delay_s(BROKEN) is None


def test_a_server_that_gives_no_tokens_is_not_asked_for_everything_again() -> None:
    made = resumption()
    take(made, whole(b""))
    assert made.delay_s(BROKEN) is None


@pytest.mark.parametrize(
    ("error", "resumes"),
    [
        (BROKEN, True),
        (ServerError("RST_STREAM", code=grpc.StatusCode.INTERNAL), True),
        (IncompleteStudyError(None, 1, ()), True),
        (PacsError("busy", code=grpc.StatusCode.UNAVAILABLE, reason="PACS_BUSY", retry_after_s=1.0), True),
        (PacsError("away", code=grpc.StatusCode.UNAVAILABLE, reason="PACS_UNREACHABLE", retry_after_s=99.0), False),
        (ServerError("a defect", code=grpc.StatusCode.INTERNAL, reason="INTERNAL"), False),
        (InvalidRequestError("malformed", code=grpc.StatusCode.INVALID_ARGUMENT, reason="INVALID_ARGUMENT"), False),
        (RadgateError("stale", code=grpc.StatusCode.ABORTED, reason="RESUME_TOKEN_STALE"), False),
        (IncompleteStudyError(3, 1, ()), False),
        (CorruptDataError("other bytes"), False),
    ],
)
def test_only_what_may_pass_is_tried_again(error: RadgateError, resumes: bool) -> None:
    made = resumption()
    take(made, whole(b"one"))
    assert (made.delay_s(error) is not None) is resumes


def test_tries_in_a_row_are_bounded_and_wait_longer_each_time() -> None:
    made = resumption(max_resumes=3)
    take(made, whole(b"one"))
    delays = [made.delay_s(BROKEN) for _ in range(4)]
    for delay_s, longest_s in zip(delays, (0.25, 0.5, 1.0), strict=False):
        assert delay_s is not None
        assert 0.75 * longest_s <= delay_s <= longest_s
    assert delays[3] is None
    take(made, whole(b"two"))
    assert made.delay_s(BROKEN) is not None, "what brings something is counted again"


def test_none_are_made_when_switched_off() -> None:
    made = resumption(max_resumes=0)
    take(made, whole(b"one"))
    assert made.delay_s(BROKEN) is None


def test_the_servers_advice_is_kept() -> None:
    made = resumption()
    take(made, whole(b"one"))
    busy = PacsError("busy", code=grpc.StatusCode.UNAVAILABLE, reason="PACS_BUSY", retry_after_s=7.0)
    assert made.delay_s(busy) == 7.0


def test_the_time_out_bounds_all_streams_together() -> None:
    clock = FakeClock()
    made = resumption(timeout_s=10, clock=clock.monotonic_s)
    take(made, whole(b"one"))
    clock.advance(9)
    assert made.timeout_s == 1
    assert made.delay_s(BROKEN) is not None
    clock.advance(0.9)
    assert made.delay_s(BROKEN) is None
    clock.advance(5)
    assert made.timeout_s == 0


def test_progress_does_not_count_what_was_thrown_away() -> None:
    reported: list[Progress] = []
    assembler = InstanceAssembler(reported.append, allow_partial=False)
    for response in whole(b"one") + half():
        assembler.feed(response)
    assembler.begin_again()
    for response in whole(b"two"):
        assembler.feed(response)
    assert reported[-1] == Progress(2, 20)
