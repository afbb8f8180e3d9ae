"""A PACS that is down, as clients of a guarded server see it."""

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo

from radgate.v1.query_service_pb2 import SearchStudiesRequest, SearchStudiesResponse
from radgate_server.core.errors import PacsUnreachableError
from radgate_server.settings.pacs import PacsSettings
from tests.rpc.calls import error_info_of, invoke, reason_of, rich_status_of, trailer_of
from tests.rpc.rig import Rig

BREAKER_FAILURES, BREAKER_OPEN_S = PacsSettings().breaker_failures, int(PacsSettings().breaker_open_s)
SEARCH = "radgate.v1.QueryService/SearchStudies"
QIDO = "radgate.dicomweb.v1.DicomWebService/SearchStudies"


async def _refused(channel: grpc.aio.Channel, token: str, method: str = SEARCH) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, method, token=token)
    return caught.value


async def test_after_failures_in_a_row_the_answer_is_at_once_that_it_is_not_asked_for_now(
    rig: Rig, channel: grpc.aio.Channel
) -> None:
    token = await rig.key("east")
    rig.east.refuse_with = PacsUnreachableError("the PACS can't be reached", pacs="main")
    for _ in range(BREAKER_FAILURES):
        assert reason_of(await _refused(channel, token)) == "PACS_UNREACHABLE"
    asked = rig.east.calls["find"]
    rig.clock.advance(2)
    for method in (SEARCH, QIDO):
        error = await _refused(channel, token, method)
        info = error_info_of(error)
        assert (error.code(), info.reason) == (grpc.StatusCode.UNAVAILABLE, "PACS_CIRCUIT_OPEN")
        assert dict(info.metadata) == {"pacs": "main", "operation": "find"}
        retry = RetryInfo()
        assert any(detail.Unpack(retry) for detail in rich_status_of(error).details)
        # UNAVAILABLE is HTTP 503 by itself; the advice is what is left of the time that the breaker stays open.
        left_s = BREAKER_OPEN_S - 2
        assert (retry.retry_delay.seconds, trailer_of(error, "retry-after")) == (left_s, str(left_s))
        assert trailer_of(error, "x-http-status") == ""
    assert rig.east.calls["find"] == asked


async def test_other_tenants_notice_nothing_and_it_is_asked_again_in_time(rig: Rig, channel: grpc.aio.Channel) -> None:
    token = await rig.key("east")
    rig.east.refuse_with = PacsUnreachableError("the PACS can't be reached", pacs="main")
    for _ in range(BREAKER_FAILURES + 1):
        await _refused(channel, token)
    assert await invoke(channel, SEARCH, token=await rig.key("west"))
    rig.east.refuse_with = None
    rig.clock.advance(BREAKER_OPEN_S)
    (answer,) = await invoke(channel, SEARCH, SearchStudiesRequest().SerializeToString(), token=token)
    assert len(SearchStudiesResponse.FromString(answer).studies) == 1
    assert [state for *_, state in rig.telemetry.breakers] == ["open", "half-open", "closed"]
