"""AdminService as an administrator's tool calls it."""

from typing import Any

import grpc

from radgate.v1 import admin_service_pb2 as messages
from radgate.v1.admin_service_pb2_grpc import AdminServiceStub


class Administrator:
    """Calls AdminService with one key."""

    def __init__(self, channel: grpc.aio.Channel, token: str, tenant_id: str = "") -> None:
        self._stub: Any = AdminServiceStub(channel)
        self._metadata = [("authorization", f"Bearer {token}")] + [("x-tenant-id", tenant_id)] * bool(tenant_id)

    async def __call__(self, rpc: str, **fields: Any) -> Any:
        request = getattr(messages, f"{rpc}Request")(**fields)
        return await getattr(self._stub, rpc)(request, metadata=self._metadata)
