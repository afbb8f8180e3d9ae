"""For whom an administrative call acts, and whether it may."""

from radgate_server.core.access.tenancy import Caller
from radgate_server.core.errors import InvalidArgumentError, RoleNotAllowedError


def acting_tenant(caller: Caller) -> str:
    """The tenant that the call acts for. Raises InvalidArgumentError when it names none."""
    if not caller.tenant_id:
        raise InvalidArgumentError("x-tenant-id", "name the tenant to act for; this key may use every one")
    return caller.tenant_id


def insist_on_every_tenant(caller: Caller, what: str) -> None:
    """Let those pass who run the whole installation. Raises RoleNotAllowedError, saying that others may not `what`."""
    if not caller.principal.may_use_every_tenant:
        raise RoleNotAllowedError(f"only a key for every tenant may {what}", needs="admin of every tenant")
