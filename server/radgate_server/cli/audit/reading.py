"""`radgate audit search` and `report`: who did what, for people and for programs. Reading is recorded."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from radgate_server.cli.audit.running import run_on_trail
from radgate_server.cli.shared.admin import caller_for
from radgate_server.cli.shared.options import EnumChoice, config_option, json_option, tenant_option
from radgate_server.cli.shared.output import hint, print_rows
from radgate_server.core.audit.record import AuditAction, AuditOutcome
from radgate_server.core.audit.search import AuditCriteria, AuditRecord
from radgate_server.core.reports.spec import ReportFormat, ReportKind, ReportSpec
from radgate_server.core.reports.tables import REMOVED

if TYPE_CHECKING:
    from radgate_server.installation.audit_tools import AuditReading

PAGE = 500

_COLUMNS = (
    "sequence",
    "time",
    "user",
    "role",
    "action",
    "outcome",
    "patient_id",
    "study_instance_uid",
    "detail",
    "break_glass",
)


class Moment(click.ParamType[datetime]):
    """A time in ISO 8601; UTC when it has no zone."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read "2026-01-31" or "2026-01-31T12:00:00+01:00"."""
        try:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time such as 2026-01-31 or 2026-01-31T12:00:00Z", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


since_option = click.option("--since", type=Moment(), help="From this time on (ISO 8601; UTC when no zone is given).")
until_option = click.option("--until", type=Moment(), help="Before this time.")


@click.command()
@tenant_option
@click.option("--user", default="", help="Name or id of a principal, exactly.")
@click.option("--patient", "patient_id", default="", help="Patient ID, exactly.")
@click.option("--study", "study_instance_uid", default="", help="Study Instance UID.")
@click.option("--series", "series_instance_uid", default="", help="Series Instance UID.")
@click.option("--instance", "sop_instance_uid", default="", help="SOP Instance UID.")
@click.option("--action", "actions", type=EnumChoice(AuditAction), multiple=True, help="May be repeated.")
@click.option("--outcome", type=EnumChoice(AuditOutcome), help="How it ended.")
@since_option
@until_option
@click.option("--break-glass", is_flag=True, help="Only what was done by break-glass.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="The newest so many.")
@json_option
@config_option
def search(tenant_id: str, actions: tuple[AuditAction, ...], outcome: AuditOutcome | None, **words: Any) -> None:
    """Print records of the tenant, the newest first."""
    limit, as_json = words.pop("limit"), words.pop("as_json")
    criteria = AuditCriteria(actions=tuple(actions), outcome=outcome or "", **words)
    records, summary = run_reading(lambda reading: _search(reading, tenant_id, criteria, limit))
    print_rows([_row(record) for record in records], _COLUMNS, as_json=as_json)
    hint(summary)


@click.command()
@click.argument("kind", type=EnumChoice(ReportKind))
@tenant_option
@click.option("--subject", default="", help="Patient ID, user or Study Instance UID that it is about.")
@click.option("--format", "format_", type=EnumChoice(ReportFormat), default=ReportFormat.JSON.value, show_default=True)
@since_option
@until_option
@click.option("--time-zone", default="", help="Time zone (IANA); else the tenant's in the settings.")
@click.option("--output", type=click.File("wb", atomic=True), default="-", help="File to write; else stdout.")
@config_option
def report(
    kind: ReportKind,
    tenant_id: str,
    subject: str,
    format_: ReportFormat,
    since: datetime | None,
    until: datetime | None,
    time_zone: str,
    output: BinaryIO,
) -> None:
    """Make a report on the tenant's trail: who saw a patient or study, what a user did, what is unusual."""
    spec = ReportSpec(kind, subject, format_, time_zone)

    async def write(reading: "AuditReading") -> None:
        async with aclosing(reading.maker.make(caller_for(tenant_id), spec, since, until)) as pieces:
            async for piece in pieces:
                output.write(piece)

    run_reading(write)


def run_reading[T](work: "Callable[[AuditReading], Awaitable[T]]") -> T:
    """Open the trail of the installation, do `work`, and close it.

    Raises:
        GatewayError: from the settings, the database, or `work`.
    """
    # Only here: the whole server's imports would make `--help` slow.
    from radgate_server.installation.audit_tools import open_audit_reading

    return run_on_trail(open_audit_reading, work)


async def _search(
    reading: "AuditReading", tenant_id: str, criteria: AuditCriteria, limit: int
) -> tuple[list[AuditRecord], str]:
    """The records, and up to where they are all."""
    caller, found = caller_for(tenant_id), list[AuditRecord]()
    page = await reading.reader.search(caller, criteria, below=None, size=min(limit, PAGE))
    found += page.records
    while page.next_below is not None and len(found) < limit:
        page = await reading.reader.search(caller, criteria, below=page.next_below, size=min(limit - len(found), PAGE))
        found += page.records
    more = "" if page.next_below is None else "; there are more"
    wrong = f"; NOT COMPLETE: {page.position.problem}; see radgate audit verify" if page.position.problem else ""
    return found, f"looked at records up to {page.position.sequence} of {page.position.newest}{more}{wrong}"


def _row(record: AuditRecord) -> dict[str, Any]:
    row = record._asdict()
    row["hash"] = row.pop("record_hash").hex() if record.record_hash else None
    return {**row, "user": record.user, "detail": REMOVED if record.removed else record.detail}
