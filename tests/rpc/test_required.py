"""What the contract requires of requests is refused when it is missing."""

from collections.abc import Iterator

import grpc
import pytest
from google.api.field_behavior_pb2 import IDENTIFIER, REQUIRED
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest

from radgate_server.core.access.tenancy import Role
from radgate_server.rpc.access.authorization import METHODS
from radgate_server.rpc.access.required_fields import behaviors
from tests.rpc.calls import invoke, rich_status_of
from tests.rpc.named_requests import REQUESTS_OF, fill
from tests.rpc.rig import Rig


def lacking(message: Message, path: str = "", root: Message | None = None) -> Iterator[tuple[str, Message]]:
    """Each path of a required field, with the root as it is without that field."""
    root = root or message
    for field in message.DESCRIPTOR.fields:
        if not behaviors(field) & {REQUIRED, IDENTIFIER}:
            continue
        if field.message_type and not field.is_repeated:
            yield from lacking(getattr(message, field.name), f"{path}{field.name}.", root)
        whole = type(message)()
        whole.CopyFrom(message)
        message.ClearField(field.name)
        without = type(root)()
        without.CopyFrom(root)
        yield f"{path}{field.name}", without
        message.CopyFrom(whole)


def cases() -> Iterator[object]:
    for name, request_class in REQUESTS_OF.items():
        request = request_class()
        fill(request)
        for path, without in lacking(request):
            if "Update" not in name or path.count(".") == 0 or path.endswith((".name", ".tenant_id")):
                yield pytest.param(name, path, without, id=f"{name.partition('/')[2]}-{path}")


@pytest.mark.parametrize(("name", "path", "request_"), list(cases()))
async def test_a_request_without_a_required_field_is_refused(
    rig: Rig, channel: grpc.aio.Channel, name: str, path: str, request_: Message
) -> None:
    role = max(METHODS[name].roles, key=lambda role: (role is Role.ADMIN, role.value))
    token = await rig.key("*", role=role)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, name, request_.SerializeToString(), token=token, x_tenant_id="east")
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    bad = BadRequest()
    assert any(detail.Unpack(bad) for detail in rich_status_of(caught.value).details)
    assert [violation.field for violation in bad.field_violations] == [path]
