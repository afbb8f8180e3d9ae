"""What a call leaves behind for operators: ids, counts, times."""

import grpc
import grpc.aio
import pytest

from radgate.v1.query_service_pb2 import SearchStudiesRequest
from radgate.v1.retrieve_service_pb2 import RetrieveInstancesRequest
from radgate_server.core.errors import PacsBusyError
from tests.rpc.calls import error_info_of, invoke, trailer_of
from tests.rpc.rig import EAST_STUDY, Rig

SEARCH = "radgate.v1.QueryService/SearchStudies"
RETRIEVE = "radgate.v1.RetrieveService/RetrieveInstances"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


async def test_a_failure_names_the_trace_that_the_client_began(rig: Rig, channel: grpc.aio.Channel) -> None:
    rig.east.refuse_with = PacsBusyError("all associations are in use", pacs="main")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, SEARCH, token=await rig.key("east"), traceparent=TRACEPARENT)
    assert trailer_of(caught.value, "x-trace-id") == TRACE


async def test_without_a_trace_none_is_named(rig: Rig, channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, SEARCH, traceparent="00-not-a-trace-01")
    assert "x-trace-id" not in dict(iter(caught.value.trailing_metadata() or ()))


async def test_a_defect_names_request_and_trace(
    rig: Rig, channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(rig.east, "find", broken)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, SEARCH, token=await rig.key("east"), x_request_id="r-9", traceparent=TRACEPARENT)
    assert dict(error_info_of(caught.value).metadata) == {"request_id": "r-9", "trace_id": TRACE}


async def test_the_audit_trail_names_the_trace(rig: Rig, channel: grpc.aio.Channel) -> None:
    await invoke(channel, SEARCH, token=await rig.key("east"), traceparent=TRACEPARENT)
    assert [entry.trace_id for entry in rig.audit.entries] == [TRACE, TRACE]  # what was listed, and the search


async def test_calls_are_counted_for_their_tenant_and_retrieves_by_their_first_byte(
    rig: Rig, channel: grpc.aio.Channel
) -> None:
    token = await rig.key("east")
    await invoke(channel, SEARCH, SearchStudiesRequest().SerializeToString(), token=token)
    request = RetrieveInstancesRequest(study_instance_uid=EAST_STUDY)
    await invoke(channel, RETRIEVE, request.SerializeToString(), token=token)
    with pytest.raises(grpc.aio.AioRpcError):
        await invoke(channel, SEARCH)
    search, retrieve, refused = rig.telemetry.rpcs
    assert (search.tenant_id, retrieve.tenant_id, refused.tenant_id) == ("east", "east", "")
    assert search.first_byte_s is None
    assert retrieve.first_byte_s is not None
    assert 0 < retrieve.first_byte_s <= retrieve.seconds
    assert rig.telemetry.in_progress == {"east": 0}
