"""`radgate limits`: what tenants, keys and other callers may use, and from where."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import click

from radgate_server.cli.shared.admin import caller_for, run_admin, tenants_asked_for
from radgate_server.cli.shared.options import (
    RadgateGroup,
    any_tenant_option,
    config_option,
    json_option,
    tenant_option,
    together,
)
from radgate_server.cli.shared.output import hint, print_rows
from radgate_server.core.limits.model import LIMIT_NAMES, NETWORK_NAMES, read_networks
from radgate_server.services.administration.tenants import AdminService
from radgate_server.services.limits.admin import LimitsState

_COLUMNS = ("tenant", "key", "limit", "set", "in_force", "used_today")
_USED = {"daily_requests": "requests", "daily_bytes": "bytes"}
_UNITS = {unit: 1024 ** (power + 1) for power, unit in enumerate("KMGT")}
_DEFAULT = "default"
_NO_LIST = (("any",), ("none",))


class Amount(click.ParamType[str | float]):
    """A limit: a number, with K, M, G or T for powers of 1024, or "none"; "default" for what the settings say."""

    name = "amount"
    _FORM: ClassVar = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)([KMGT]?)")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | float:
        """Read "20", "0.5", "10M" or "none", which is 0; "default" stays as it is."""
        if value == _DEFAULT:
            return _DEFAULT
        match = self._FORM.fullmatch("0" if value == "none" else str(value))
        if match is None:
            self.fail(f"{value!r} is no amount such as 20, 0.5, 10M, none or default", param, ctx)
        number = float(match[1]) * _UNITS.get(match[2], 1)
        return int(number) if number.is_integer() else number


def _amount(name: str, meaning: str) -> Any:
    return click.option(f"--{name.replace('_', '-')}", name, type=Amount(), help=meaning)


_amount_options = together(
    _amount("requests_per_second", "Requests a second, at least 0.01."),
    _amount("burst_requests", "Requests at once within that; 0: those of one second."),
    _amount("concurrent_requests", "Requests at the same time, streams too."),
    _amount("bytes_per_second", "Bytes of answers and uploads a second, at least 64K; more wait."),
    _amount("daily_requests", "Requests in a day of UTC."),
    _amount("daily_bytes", "Bytes of answers and uploads in a day of UTC."),
)


@click.group(cls=RadgateGroup)
def limits() -> None:
    """What tenants and keys may use, and from where (section `limits` of the settings has the defaults)."""


@limits.command()
@any_tenant_option
@json_option
@config_option
def show(tenant_id: str | None, as_json: bool) -> None:
    """Show what was set, what holds, and what was used today of daily quotas.

    Keys for which nothing was set are not listed; they go by the settings.
    """
    rows = [row for state in run_admin(lambda admin: _find(admin, tenant_id)) for row in _rows(state)]
    print_rows(rows, _COLUMNS, as_json=as_json)


@limits.command("set")
@tenant_option
@click.option(
    "--key",
    "key_id",
    metavar="KEY_ID",
    default="",
    help="For this key alone, or for oidc:PROVIDER:USER or certificate:NAME, as the audit trail has it.",
)
@_amount_options
@click.option(
    "--allow",
    "allowed_networks",
    metavar="NETWORK",
    multiple=True,
    help="Come from here alone, as in 10.0.0.0/8 or 2001:db8::7; may be repeated. 'any': from everywhere.",
)
@click.option(
    "--deny",
    "denied_networks",
    metavar="NETWORK",
    multiple=True,
    help="Never come from here; may be repeated. 'none': nowhere is denied.",
)
@config_option
def set_(tenant_id: str, key_id: str, **given: Any) -> None:
    """Change what the tenant or the key may use; what is not named stays. Running servers know within seconds.

    Amounts are numbers, 'none' for no limit, or 'default' for what the settings say.
    """
    changes = _changes(given)
    if not changes:
        raise click.UsageError("name at least one limit to set")

    async def work(admin: AdminService) -> LimitsState:
        await tenants_asked_for(admin, tenant_id)
        return await admin.limits.update(caller_for(tenant_id), key_id, lambda limits: replace(limits, **changes))

    print_rows(_rows(run_admin(work)), _COLUMNS, as_json=False)
    hint(f"set for {f'{key_id} of ' if key_id else ''}tenant {tenant_id}")


def _changes(given: dict[str, Any]) -> dict[str, Any]:
    networks = {name: given.pop(name) for name in NETWORK_NAMES}
    amounts = {name: None if value == _DEFAULT else value for name, value in given.items() if value is not None}
    lists = {name: () if texts in _NO_LIST else read_networks(texts, name) for name, texts in networks.items() if texts}
    return amounts | lists


async def _find(admin: AdminService, tenant_id: str | None) -> Sequence[LimitsState]:
    tenants = await tenants_asked_for(admin, tenant_id)
    return [state for tenant in tenants for state in await admin.limits.list_states(caller_for(tenant))]


def _rows(state: LimitsState) -> list[dict[str, Any]]:
    """A row for each limit that holds or was set; one that says so where there is none."""
    subject = {"tenant": state.subject.tenant_id, "key": state.subject.key_id}
    rows = [
        {
            **subject,
            "limit": name,
            "set": _text(getattr(state.limits, name)),
            "in_force": _text(getattr(state.in_force, name)),
            "used_today": getattr(state.used, _USED[name]) if name in _USED else "",
        }
        for name in LIMIT_NAMES
        if getattr(state.in_force, name) or getattr(state.limits, name) not in (None, ())
    ]
    return rows or [{**subject, "limit": "none", "set": "", "in_force": "", "used_today": ""}]


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "" if value is None else "none" if value == 0 else f"{value}"
