"""Running an administrator's command in this process, as the principal "cli"."""

import os
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from radgate_server.cli.shared.opened import run_opened
from radgate_server.cli.shared.options import current_settings
from radgate_server.core.access.tenancy import ANY_TENANT, Caller, Principal, Role
from radgate_server.core.errors import ResourceNotFoundError

if TYPE_CHECKING:
    from radgate_server.services.administration.tenants import AdminService

PRINCIPAL = Principal(key_id="cli", tenant_ids=(ANY_TENANT,), role=Role.ADMIN)


def caller_for(tenant_id: str = "") -> Caller:
    """Whoever may read this installation's data_dir, acting for the tenant; the audit trail has the user's number."""
    return Caller(PRINCIPAL, tenant_id, "local", f"radgate cli, uid {os.getuid()}", uuid.uuid4().hex)


def run_admin[T](
    work: "Callable[[AdminService], Awaitable[T]]", *, may_begin: bool = False, counted: bool = False
) -> T:
    """Open the installation, do `work`, and close it; make one first if there is none and it `may_begin`.

    `counted`: what is cached is counted, not looked up.

    Raises:
        GatewayError: from the settings, the database, or `work`.
    """
    # Only here: the whole server's imports would make `--help` slow.
    from radgate_server.installation.administration import open_admin
    from radgate_server.installation.gate import Purpose

    purpose = Purpose.BEGIN if may_begin else Purpose.USE
    return run_opened(open_admin(current_settings(), purpose, counted=counted), work)


async def tenants_asked_for(admin: "AdminService", tenant_id: str | None) -> Sequence[str]:
    """Return the tenant if there is one of that name; when none is named, all.

    Raises:
        ResourceNotFoundError: there is none of that name.
    """
    present = [tenant.tenant_id for tenant in await admin.list_tenants(caller_for())]
    if tenant_id is None:
        return present
    if tenant_id not in present:
        raise ResourceNotFoundError(f"there is no tenant {tenant_id!r}; `radgate tenant list` shows them")
    return [tenant_id]
