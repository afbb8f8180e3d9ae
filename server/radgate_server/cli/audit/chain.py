"""`radgate audit`: check the audit trail, vouch for it, hand it out."""

import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from radgate_server.cli.audit.running import run_on_trail
from radgate_server.cli.shared.admin import caller_for
from radgate_server.cli.shared.options import (
    RadgateGroup,
    any_tenant_option,
    config_option,
    current_settings,
    tenant_option,
)
from radgate_server.cli.shared.output import hint
from radgate_server.core.audit.chain import UNKNOWN_SIZE, WORDS
from radgate_server.core.audit.checkpoint import Checkpoint, from_line, time_text, to_line
from radgate_server.core.audit.export.checkpoint import checkpoint_line
from radgate_server.core.audit.export.dicom import audit_message
from radgate_server.core.audit.export.fhir import audit_event
from radgate_server.core.audit.verification import StoredRecord
from radgate_server.core.errors import ConfigurationError, ResourceNotFoundError
from radgate_server.services.audit.administration import NOTHING_RECORDED, AuditAdmin, Verdict

_readable_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(cls=RadgateGroup)
def audit() -> None:
    """The audit trail: who did what, when and from where, in a chain that shows tampering."""


@audit.command()
@any_tenant_option
@click.option(
    "--checkpoint",
    "checkpoint_file",
    metavar="FILE",
    type=_readable_file,
    help="Checkpoints that were kept elsewhere (JSON lines, or what a collector got, a message a line): what they"
    " vouch for must still be there.",
)
@click.option(
    "--public-key",
    "public_key_files",
    metavar="FILE",
    type=_readable_file,
    multiple=True,
    help="Believe in this key (PEM) in place of the one in data_dir. May be repeated.",
)
@config_option
def verify(tenant_id: str | None, checkpoint_file: Path | None, public_key_files: Sequence[Path]) -> None:
    """Follow the chain from its first record, check every checkpoint, and compare the index with the records.

    The exit status is 1 when a chain is broken or an index wrong; stdout has a line for the first fault of each.
    """
    kept = _read_checkpoints(checkpoint_file) if checkpoint_file else ()
    pems = [path.read_text(encoding="utf-8", errors="replace") for path in public_key_files]
    verdict = _run(lambda admin: _verify(admin, tenant_id, kept, pems))
    if tenant_id and not (verdict.records or verdict.faults):
        raise ResourceNotFoundError(NOTHING_RECORDED)
    for fault in verdict.faults:
        click.echo(f"tenant {fault.tenant_id or '(none)'}, record {fault.sequence}: {fault.what}")
    for wrong in verdict.index_faults:
        remedy = f"`radgate audit index rebuild --tenant '{wrong.tenant_id}'`"
        click.echo(f"tenant {wrong.tenant_id or '(none)'}, index: {wrong.what}; searches miss records until {remedy}")
    hint(f"looked at {verdict.records} records, their index, and {verdict.checkpoints} checkpoints")
    if verdict.erased:
        hint(f"{verdict.erased} of the records were erased, as signed statements say")
    hint(verdict.not_excluded)
    if verdict.faults or verdict.index_faults:
        raise click.exceptions.Exit(1)
    hint("the audit trail is whole, and its index agrees with it")


@audit.command()
@tenant_option
@config_option
def checkpoint(tenant_id: str) -> None:
    """Sign the chain as it is now; prints the checkpoint as a line of JSON, to be kept elsewhere."""
    click.echo(to_line(_run(lambda admin: admin.checkpoint(tenant_id))))


@audit.command()
@any_tenant_option
@config_option
def checkpoints(tenant_id: str | None) -> None:
    """Print all checkpoints as JSON lines, the oldest first."""
    for made in _run(lambda admin: admin.checkpoints(tenant_id)):
        click.echo(to_line(made))


@audit.command()
@tenant_option
@click.option("--since", metavar="TIME", help="Only records from this time on (ISO 8601; UTC when no zone is given).")
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "dicom", "fhir"]),
    default="jsonl",
    help="A record a line: all of its fields, a DICOM Audit Message (XML), or a FHIR R4 AuditEvent (JSON).",
)
@config_option
def export(tenant_id: str, since: str | None, form: str) -> None:
    """Print the tenant's records, the oldest first. The export is recorded too."""
    since_us = _read_time_us(since) if since else None
    line_of = _LINES[form]
    source = current_settings().audit_export.source

    def show(rows: Sequence[StoredRecord]) -> None:
        for row in rows:
            if since_us is None or row.time_us >= since_us:
                click.echo(line_of(row, source))

    _run(lambda admin: admin.export(caller_for(tenant_id), show))


@audit.command("public-key")
@config_option
def public_key() -> None:
    """Print the public key that checks this installation's checkpoints (PEM)."""

    async def read(admin: AuditAdmin) -> str:
        return admin.public_key_pem

    click.echo(_run(read), nl=False)


@audit.group(cls=RadgateGroup)
def index() -> None:
    """What searches and reports find records by."""


@index.command()
@any_tenant_option
@config_option
def rebuild(tenant_id: str | None) -> None:
    """Make the index again from the records. That is recorded; servers and searches may continue meanwhile."""

    async def work(admin: AuditAdmin) -> int:
        tenants = await admin.tenants()
        if tenant_id is not None and tenant_id not in tenants:
            raise ResourceNotFoundError(NOTHING_RECORDED)
        chosen = tenants if tenant_id is None else [tenant_id]
        for each in chosen:
            await admin.rebuild_index(caller_for(each))
        return len(chosen)

    hint(f"the index was made again for {_run(work)} chains; radgate audit verify compares it with the records")


async def _verify(admin: AuditAdmin, tenant_id: str | None, kept: Sequence[Checkpoint], pems: Sequence[str]) -> Verdict:
    # Only here, as in `_run`.
    from radgate_server.adapters.secrets.signing import PublicKeys

    check = PublicKeys(pems or [admin.public_key_pem]).check
    with ExitStack() as stack:
        if not sys.stderr.isatty():
            return await admin.verify(tenant_id, kept, check)
        bar: Any = stack.enter_context(click.progressbar(length=1, label="records", file=sys.stderr))

        def progress(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        return await admin.verify(tenant_id, kept, check, progress)


def _run[T](work: Callable[[AuditAdmin], Awaitable[T]]) -> T:
    # Only here: the whole server's imports would make `--help` slow.
    from radgate_server.installation.audit_tools import open_audit_admin

    return run_on_trail(open_audit_admin, work)


def _read_checkpoints(path: Path) -> Sequence[Checkpoint]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found += [from_line(checkpoint_line(line))] if line.strip() else []
        except ValueError:
            raise ConfigurationError(f"line {number} of the file of checkpoints is none") from None
    return found


def _read_time_us(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            "not a time such as 2026-01-31 or 2026-01-31T12:00:00Z", param_hint="--since"
        ) from None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000_000)


def _document(row: StoredRecord) -> dict[str, Any]:
    return {
        "sequence": row.sequence,
        "time": time_text(row.time_us),
        **dict(zip(WORDS, row.words, strict=False)),  # an older record has fewer
        "size_bytes": None if row.size_bytes == UNKNOWN_SIZE else row.size_bytes,
        "hash": row.record_hash.hex() if row.record_hash else None,
        "erased_by": row.erased_by,
    }


def _json_line(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False)


_LINES: dict[str, Callable[[StoredRecord, str], str]] = {
    "jsonl": lambda row, _source: _json_line(_document(row)),
    "dicom": lambda row, source: audit_message(row, source).decode().replace("\r", "&#13;").replace("\n", "&#10;"),
    "fhir": lambda row, source: _json_line(audit_event(row, source)),
}
"""A record as a line of each format."""
