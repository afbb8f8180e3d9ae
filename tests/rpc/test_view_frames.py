"""RetrieveService.ViewFrames and PrioritizeFrames: a view for clients that can't send while they receive."""

import grpc
import pytest

from radgate.v1 import retrieve_service_pb2 as messages
from radgate.v1.retrieve_service_pb2_grpc import RetrieveServiceStub
from radgate_server.core.audit.record import AuditAction
from tests.rpc.calls import reason_of
from tests.rpc.rig import Rig
from tests.rpc.test_stream_frames import CT, MR, STUDY, add_series

MANY = 40


def view_of(stub: RetrieveServiceStub, token: str, **fields: object) -> grpc.aio.UnaryStreamCall:
    opening = messages.StreamFramesOpen(study_instance_uid=STUDY, **fields)
    return stub.ViewFrames(messages.ViewFramesRequest(open=opening), metadata=(("authorization", f"Bearer {token}"),))


async def prioritize(stub: RetrieveServiceStub, token: str, view_id: str, series: str, sop: str = "") -> None:
    priority = messages.StreamFramesPriority(series_instance_uid=series, sop_instance_uid=sop, whole=True)
    request = messages.PrioritizeFramesRequest(view_id=view_id, prioritize=priority)
    await stub.PrioritizeFrames(request, metadata=(("authorization", f"Bearer {token}"),))


async def test_a_view_gives_what_a_stream_gives(rig: Rig, channel: grpc.aio.Channel) -> None:
    add_series(rig, CT, 3)
    answers = [answer async for answer in view_of(RetrieveServiceStub(channel), await rig.key("east"), first_rows=60)]
    first, *rest = answers
    assert first.view_id
    assert first.message.opened.instances == 3
    assert not any(answer.view_id for answer in rest)
    came = [answer.message.piece for answer in rest if answer.message.WhichOneof("message") == "piece"]
    assert [piece.reduction for piece in came if piece.reduction >= 0] == [2] * 3 + [0] * 3
    end = rest[-1].message.end
    assert (end.frames, end.delivered, end.failed) == (3, 3, 0)
    assert AuditAction.RETRIEVE_FRAMES in {entry.action for entry in rig.audit.entries}


async def test_what_is_pending_is_reordered_by_a_call(rig: Rig, channel: grpc.aio.Channel) -> None:
    add_series(rig, CT, MANY)
    add_series(rig, MR, 3)
    stub, token = RetrieveServiceStub(channel), await rig.key("east")
    whole = [answer async for answer in view_of(stub, token)]  # so that all of it is cached
    assert whole[-1].message.end.frames == MANY + 3
    view = view_of(stub, token)
    view_id = (await anext(aiter(view))).view_id
    await prioritize(stub, token, view_id, MR, f"{MR}.3")
    order = [
        answer.message.piece.ref.sop_instance_uid
        async for answer in view
        if answer.message.WhichOneof("message") == "piece" and answer.message.piece.reduction == 0
    ]
    requested = [order.index(f"{MR}.{number}") for number in (3, 2, 1)]
    assert requested == sorted(requested)
    assert requested[-1] < MANY // 2
    assert len(order) == MANY + 3


async def test_a_view_is_its_openers_alone(rig: Rig, channel: grpc.aio.Channel) -> None:
    add_series(rig, CT, MANY)
    stub, token = RetrieveServiceStub(channel), await rig.key("east")
    view = view_of(stub, token)
    view_id = (await anext(aiter(view))).view_id
    for other in (await rig.key("east"), await rig.key("west")):
        await refused(stub, other, view_id)
    await prioritize(stub, token, view_id, CT)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await prioritize(stub, token, view_id, "2.25.99")
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert [answer async for answer in view][-1].message.end.frames == MANY
    await refused(stub, token, view_id)
    server, _, rest = view_id.partition(".")
    await refused(stub, token, f"{server[::-1]}.{rest}", "VIEW_ELSEWHERE")
    await refused(stub, token, "none")


async def refused(stub: RetrieveServiceStub, token: str, view_id: str, reason: str = "RESOURCE_NOT_FOUND") -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await prioritize(stub, token, view_id, CT)
    assert (raised.value.code(), reason_of(raised.value)) == (grpc.StatusCode.NOT_FOUND, reason)
