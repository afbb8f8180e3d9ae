"""`radgate pacs list` and `history`: the PACS as they are set up, and as a running server last saw them."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from radgate_server.cli.pacs.common import named_pacs
from radgate_server.cli.shared.admin import caller_for, run_admin, tenants_asked_for
from radgate_server.cli.shared.options import any_tenant_option, config_option, json_option
from radgate_server.cli.shared.output import age_text, hint, print_rows
from radgate_server.core.pacs.connections import PacsConfig
from radgate_server.core.pacs.health import BreakerState, Health, PacsStatus
from radgate_server.core.pacs.kinds.documents import connection_document
from radgate_server.core.pacs.validation import CheckOutcome, ValidationReport
from radgate_server.core.secrets.secret import SecretReference
from radgate_server.services.administration.pacs import PacsOverview
from radgate_server.services.administration.tenants import AdminService

_COLUMNS = (
    "tenant",
    "name",
    "kind",
    "where",
    "backup_for",
    "active",
    "health",
    "breakers",
    "validation",
    "create_time",
)


@click.command("list")
@any_tenant_option
@json_option
@config_option
def list_(tenant_id: str | None, as_json: bool) -> None:
    """List PACS in order of precedence, and how they are doing; without passwords.

    HEALTH and BREAKERS (those that are not closed) are what a running server last wrote down, and how long ago.
    """
    found = run_admin(lambda admin: _find(admin, tenant_id))
    now = datetime.now(UTC)
    rows = [_json_row(overview) if as_json else _table_row(overview, now) for overview in found]
    print_rows(rows, _COLUMNS, as_json=as_json)
    for config in (overview.config for overview in found):
        if reason := config.connection.unusable:
            hint(f"PACS {config.name} of {config.tenant_id} can't be used: {reason}")


@click.command()
@named_pacs
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="At most so many.",
)
@json_option
@config_option
def history(name: str, tenant_id: str, limit: int, as_json: bool) -> None:
    """Report when and why requests were switched from one PACS to another in the group of NAME, the newest first."""
    transitions = run_admin(lambda admin: admin.pacs.list_transitions(caller_for(tenant_id), name, limit))
    rows = [asdict(transition) for transition in transitions]
    print_rows(rows, ("time", "primary", "from_pacs", "to_pacs", "cause", "reason"), as_json=as_json)


async def _find(admin: AdminService, tenant_id: str | None) -> Sequence[PacsOverview]:
    tenants = await tenants_asked_for(admin, tenant_id)
    return [overview for tenant in tenants for overview in await admin.pacs.list_all(caller_for(tenant))]


def _table_row(overview: PacsOverview, now: datetime) -> dict[str, Any]:
    config, status = overview.config, overview.status
    return {
        "tenant": config.tenant_id,
        "name": config.name,
        "kind": config.connection.kind,
        "where": config.connection.summary,
        "backup_for": config.backup_for,
        "active": "yes" if overview.active else "no",
        "health": _health_text(status, now) if status else "",
        "breakers": _breakers_text(status) if status else "",
        "validation": _validation_text(config.validation, now) if config.validation else "",
        "create_time": config.create_time,
    }


def _health_text(status: PacsStatus, now: datetime) -> str:
    said = f"{status.health.value}, {status.reason}" if status.health is Health.DOWN else status.health.value
    return f"{said} ({age_text(status.time, now)})"


def _breakers_text(status: PacsStatus) -> str:
    return ", ".join(
        f"{state.operation} {state.breaker.value}"
        for state in status.operations
        if state.breaker is not BreakerState.CLOSED
    )


def _validation_text(report: ValidationReport, now: datetime) -> str:
    failed = ", ".join(check.name for check in report.checks if check.outcome is CheckOutcome.FAILED)
    return f"{f'failed: {failed}' if failed else 'passed'} ({age_text(report.time, now)})"


def _json_row(overview: PacsOverview) -> dict[str, Any]:
    config, status = overview.config, overview.status
    return {
        "tenant": config.tenant_id,
        "name": config.name,
        **_without_secret(config),
        "backup_for": config.backup_for,
        "failover": asdict(config.failover),
        "active": overview.active,
        "status": {name: value for name, value in asdict(status).items() if name in _REPORTED} if status else None,
        "validation": report_json(config.validation) if config.validation else None,
        "create_time": config.create_time,
    }


def report_json(report: ValidationReport) -> dict[str, Any]:
    """A validation for programs."""
    return {"time": report.time, "passed": report.passed, "checks": [asdict(check) for check in report.checks]}


_REPORTED = frozenset({"time", "health", "latency_ms", "reason", "operations"})


def _without_secret(config: PacsConfig) -> dict[str, Any]:
    secret = config.connection.secret
    reported = connection_document(config.connection)
    return {**reported, "password_ref": str(secret)} if isinstance(secret, SecretReference) else reported
