"""`radgate key`: API keys."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from radgate_server.cli.access.restriction_options import describe_restriction, read_restriction, restriction_options
from radgate_server.cli.shared.admin import caller_for, run_admin, tenants_asked_for
from radgate_server.cli.shared.options import RadgateGroup, Span, any_tenant_option, config_option, json_option
from radgate_server.cli.shared.output import hint, print_rows
from radgate_server.core.access.tenancy import ANY_TENANT, ApiKey, Caller, Role
from radgate_server.core.errors import ResourceNotFoundError

if TYPE_CHECKING:
    from radgate_server.services.administration.tenants import AdminService

_ROLES = [role.name.lower() for role in Role]
_COLUMNS = (
    "key",
    "tenants",
    "role",
    "label",
    "create_time",
    "expire_time",
    "last_use_time",
    "revoke_time",
    "replaced_by",
    "only",
)


@click.group(cls=RadgateGroup)
def key() -> None:
    """API keys, sent by clients as `Authorization: Bearer KEY`."""


@key.command()
@click.option(
    "--tenant",
    "tenant_ids",
    metavar="TENANT",
    multiple=True,
    required=True,
    help="Tenant that it may use; may be repeated, the first is the default. '*' means every tenant.",
)
@click.option(
    "--role",
    type=click.Choice(_ROLES),
    required=True,
    help="What it may do; operators what viewers may, admins what operators may, auditors see no images.",
)
@click.option("--label", metavar="TEXT", default="", help="What it is for.")
@click.option("--expires", type=Span(), help="How long it is good, as in 90d or 12h; without it, until it is revoked.")
@restriction_options
@config_option
def create(
    tenant_ids: tuple[str, ...], role: str, label: str, expires: timedelta | None, **only: tuple[str, ...]
) -> None:
    """Create a key and print it, alone, on stdout. It is never shown again."""
    named = tuple(dict.fromkeys(tenant_ids))
    expire_time = None if expires is None else datetime.now(UTC) + expires
    restriction = read_restriction(**only)
    record, token = run_admin(
        lambda admin: admin.create_key(caller_for(), Role[role.upper()], label, named, expire_time, restriction)
    )
    click.echo(token)
    hint(f"key {record.key_id} for {', '.join(named)} as {role}; keep it, it can't be shown again")


@key.command("list")
@any_tenant_option
@json_option
@config_option
def list_(tenant_id: str | None, as_json: bool) -> None:
    """List keys, without their secrets; those for every tenant too when no tenant is named."""
    keys = run_admin(lambda admin: _find_keys(admin, tenant_id))
    rows = [_row(found) for found in keys]
    print_rows(rows, _COLUMNS, as_json=as_json)


@key.command()
@click.argument("key_id")
@config_option
def revoke(key_id: str) -> None:
    """Revoke the key with the identifier KEY_ID, the part between its underscores."""
    run_admin(lambda admin: _revoke(admin, key_id))
    hint(f"key {key_id} is revoked")


@key.command()
@click.argument("key_id")
@click.option(
    "--overlap",
    type=Span(),
    default="24h",
    show_default=True,
    help="How long the old key continues; 0s ends it at once.",
)
@config_option
def rotate(key_id: str, overlap: timedelta) -> None:
    """Print a new key with the rights of the key KEY_ID, which ends when the two have overlapped."""
    record, token = run_admin(lambda admin: _rotate(admin, key_id, overlap))
    click.echo(token)
    hint(f"key {record.key_id} takes the place of {key_id}; keep it, it can't be shown again")


async def _find_keys(admin: "AdminService", tenant_id: str | None) -> Sequence[ApiKey]:
    asked = [*await tenants_asked_for(admin, tenant_id), *([""] if tenant_id is None else [])]
    found = {key.key_id: key for tenant in asked for key in await admin.list_keys(caller_for(tenant))}
    return sorted(found.values(), key=lambda key: (key.create_time, key.key_id))


async def _revoke(admin: "AdminService", key_id: str) -> None:
    await admin.revoke_key(await _caller_of(admin, key_id), key_id)


async def _rotate(admin: "AdminService", key_id: str, overlap: timedelta) -> tuple[ApiKey, str]:
    return await admin.rotate_key(await _caller_of(admin, key_id), key_id, overlap)


async def _caller_of(admin: "AdminService", key_id: str) -> Caller:
    """Whoever may manage the key."""
    for found in await _find_keys(admin, None):
        if found.key_id == key_id:
            default = found.tenant_ids[0]
            return caller_for("" if default == ANY_TENANT else default)
    raise ResourceNotFoundError(f"there is no key {key_id!r}; `radgate key list` shows them")


def _row(found: ApiKey) -> dict[str, Any]:
    return {
        "key": found.key_id,
        "tenants": found.tenant_ids,
        "role": found.role.name.lower(),
        "label": found.label,
        "create_time": found.create_time,
        "expire_time": found.expire_time,
        "last_use_time": found.last_use_time,
        "revoke_time": found.revoke_time,
        "replaced_by": found.replaced_by,
        "only": describe_restriction(found.restriction),
    }
