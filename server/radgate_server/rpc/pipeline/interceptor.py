"""What an interceptor is, and how interceptors are composed for a call (docs/adr/0002-layers-composed-once.md)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from radgate_server.rpc.access.authorization import Access
from radgate_server.rpc.access.field_paths import FieldNaming
from radgate_server.rpc.access.named_tenant import NamedTenant
from radgate_server.rpc.pipeline.call import Call

type Proceed = Callable[[Call], Awaitable[None]]
"""The rest of the way."""


@dataclass(frozen=True, slots=True)
class Method:
    """One rpc: its full name ("radgate.v1.QueryService/SearchStudies"), who may call it, and what its requests name."""

    full_name: str
    access: Access
    named_tenant: NamedTenant | None = None
    """Reads the tenant of a request, where requests may name it."""
    name_fields: FieldNaming | None = None
    """Names the field that an error is about by its path in the request."""

    @property
    def name(self) -> str:
        """Its name within its service."""
        return self.full_name.rpartition("/")[2]


type Interceptor = Callable[[Method, Proceed], Proceed]
"""Wraps the rest of the way of one method, or finds that the method does not need it and returns the rest as it is."""


def compose(method: Method, interceptors: tuple[Interceptor, ...], innermost: Proceed) -> Proceed:
    """Put the interceptors around the innermost, the first one outermost."""
    proceed = innermost
    for interceptor in reversed(interceptors):
        proceed = interceptor(method, proceed)
    return proceed
