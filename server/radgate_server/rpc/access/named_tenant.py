"""The tenant that an administrator's request names in its field `tenant_id`, beside the metadata `x-tenant-id`."""

from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.rpc.access.authorization import Access, TenantNeed

type NamedTenant = Callable[[Any, str], str]
"""From an encoded request and the metadata's tenant to the tenant to act for, "" for the credential's first."""

_FIELD = "tenant_id"


def named_tenant(method: MethodDescriptor, access: Access) -> NamedTenant | None:
    """Return what reads the method's requests; None where no tenant is acted for, or the metadata alone names it."""
    of_a_tenant = access.tenant is not TenantNeed.EVERY_TENANT
    if method.client_streaming or not of_a_tenant or _FIELD not in method.input_type.fields_by_name:
        return None
    parse = GetMessageClass(method.input_type).FromString

    def read(payload: Any, asked: str) -> str:
        try:
            named: str = getattr(parse(payload), _FIELD)
        except DecodeError:
            return asked  # the same is found, and refused, where the request is read
        if named and asked not in ("", named):
            raise InvalidArgumentError(_FIELD, "names another tenant than X-Tenant-ID; give one of them")
        return named or asked

    return read
