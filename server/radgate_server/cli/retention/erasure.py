"""`radgate erase` and `radgate certificate`: erasing what is cached, and proving it."""

from collections.abc import Sequence
from pathlib import Path

import click

from radgate_server.cli.retention.common import one_of, reason_option, run_retention, subject_options
from radgate_server.cli.shared.admin import caller_for
from radgate_server.cli.shared.options import RadgateGroup, config_option, json_option, tenant_option
from radgate_server.cli.shared.output import hint, print_rows
from radgate_server.core.retention.deletion_certificate import from_text, is_genuine


@click.command()
@tenant_option
@subject_options("patient_id", "study_instance_uid")
@reason_option
@config_option
def erase(tenant_id: str, reason: str, **subjects: str | None) -> None:
    """Erase everything that is cached of a study or a patient, and print a signed certificate of deletion.

    Running servers drop what they hold within seconds. PACS are not touched.
    """
    if (chosen := one_of(subjects)) is None:
        raise click.UsageError("name a study or a patient: --study UID or --patient ID")
    erasure = run_retention(lambda tools: tools.eraser.erase(caller_for(tenant_id), *chosen, reason))
    click.echo(erasure.certificate, nl=False)


@click.group(cls=RadgateGroup)
def certificate() -> None:
    """Certificates of deletion."""


@certificate.command("list")
@tenant_option
@json_option
@config_option
def list_certificates(tenant_id: str, as_json: bool) -> None:
    """List what was erased of the cached data, the newest first."""
    found = run_retention(lambda tools: tools.eraser.list_erasures(caller_for(tenant_id)))
    rows = [
        {
            "id": one.order.erasure_id,
            "create_time": one.create_time,
            "subject": one.order.subject.value,
            "studies": len(one.order.studies),
            "state": "done" if one.certificate else "in progress",
        }
        for one in found
    ]
    print_rows(rows, ("id", "create_time", "subject", "studies", "state"), as_json=as_json)


@certificate.command("show")
@tenant_option
@click.argument("erasure_id")
@config_option
def show_certificate(tenant_id: str, erasure_id: str) -> None:
    """Print a certificate of deletion again, as it was signed."""
    erasure = run_retention(lambda tools: tools.eraser.find(caller_for(tenant_id), erasure_id))
    if not erasure.certificate:
        raise click.ClickException("what is to be erased is not erased yet; a running server continues with it")
    click.echo(erasure.certificate, nl=False)


@certificate.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--public-key",
    "public_key_files",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    required=True,
    help="Believe in this key (PEM), as `radgate audit public-key` prints it. May be repeated.",
)
@config_option
def verify(file: Path, public_key_files: Sequence[Path]) -> None:
    """Check the signature of a certificate of deletion; exit status 1 when it is not good. Needs no server."""
    # Only here, as in `run_retention`.
    from radgate_server.adapters.secrets.signing import PublicKeys

    check = PublicKeys([path.read_text(encoding="utf-8", errors="replace") for path in public_key_files]).check
    try:
        found = from_text(file.read_text(encoding="utf-8", errors="replace"))
    except ValueError as error:
        raise click.ClickException(f"{file.name}: {error}") from None
    genuine = is_genuine(found, check)
    if genuine is None:
        raise click.ClickException(f"{file.name} is signed by a key that was not given ({found.key})")
    if not genuine:
        raise click.ClickException(f"{file.name} is forged or was changed: its signature is not good")
    hint(
        f"genuine: of tenant {found.tenant}, {len(found.studies)} studies were erased, {found.finished_time};"
        f" ordered by record {found.audit_sequence} of its audit trail"
    )
