"""`radgate pacs detect`: what a host speaks, and the commands that add it."""

import shlex
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import click

from radgate_server.cli.pacs.kinds import options_of
from radgate_server.cli.pacs.secrets import from_keyboard, given_secret, password_env_option, password_ref_option
from radgate_server.cli.shared.admin import caller_for, run_admin
from radgate_server.cli.shared.options import config_option, json_option
from radgate_server.cli.shared.output import hint, print_json, print_rows
from radgate_server.core.pacs.connections import PacsConnection
from radgate_server.core.pacs.detection import DetectionReport, Finding, suggest_names
from radgate_server.core.pacs.kinds.kind import DetectTarget
from radgate_server.core.secrets.secret import NO_SECRET, SecretSource


@click.command()
@click.argument("host")
@click.argument("port", type=click.IntRange(1, 65535), required=False)
@click.option(
    "--called-aet", "called_aets", metavar="AET", multiple=True, help="Call it so, not by the usual AE titles."
)
@click.option("--calling-aet", metavar="AET", default="", help="AE title by which Radgate presents itself.")
@click.option("--username", metavar="NAME", default="", help="User for web servers; the password is asked for.")
@password_env_option
@click.option("--bearer-env", metavar="VAR", help="Environment variable with a bearer token for web servers.")
@password_ref_option
@click.option("--tenant", "tenant_id", metavar="TENANT", default="TENANT", help="Tenant to name in the commands shown.")
@json_option
@config_option
def detect(
    host: str,
    port: int | None,
    called_aets: tuple[str, ...],
    calling_aet: str,
    username: str,
    tenant_id: str,
    as_json: bool,
    **places: str | None,
) -> None:
    """Find out within seconds what HOST speaks at PORT, or at the usual ports, and how to add it.

    Nothing is saved. The exit status is 1 when no PACS answered.
    """
    secret = _secret(username, places)
    target = DetectTarget(host, port, called_aets, calling_aet, username, secret)
    report = run_admin(lambda admin: admin.pacs.detect(caller_for(), target))
    if as_json:
        print_json(_json(report))
    elif report.findings:
        _print(report, tenant_id, secret)
    for text in report.hints:
        hint(text)
    if not report.findings:
        raise click.ClickException("no PACS answered")


def _secret(username: str, places: Mapping[str, str | None]) -> SecretSource:
    if places["bearer_env"] is not None and (username or places["password_env"] is not None):
        raise click.UsageError("--bearer-env and --username are of different kinds of credentials; give one")
    if places["password_env"] is not None and not username:
        raise click.UsageError("--password-env needs --username")
    given = given_secret(places, "password_env", "bearer_env", "password_ref")
    if given is not None:
        return given
    return from_keyboard("Password") if username else NO_SECRET


def _print(report: DetectionReport, tenant_id: str, secret: SecretSource) -> None:
    rows = [_row(finding) for finding in report.findings]
    print_rows(rows, ("kind", "where", "latency", "product", "services"), as_json=False)
    click.echo()
    for name, finding in zip(suggest_names(report.findings), report.findings, strict=True):
        for note in finding.notes:
            click.echo(f"# {note}")
        click.echo(add_command(tenant_id, name, finding.connection.with_secret(secret)))


def _row(finding: Finding) -> dict[str, Any]:
    found = finding.capabilities
    return {
        "kind": finding.kind,
        "where": finding.connection.summary,
        "latency": f"{finding.latency_ms:.0f} ms",
        "product": " ".join(word for word in (found.vendor, found.version) if word),
        "services": ", ".join(
            found.services or tuple(f"C-{method.value.upper()}" for method in found.retrieve_methods)
        ),
    }


def add_command(tenant_id: str, name: str, connection: PacsConnection) -> str:
    """The command that adds such a PACS; its secret is taken from the variable PACS_SECRET."""
    words = ["radgate", "pacs", "add", connection.kind, "--tenant", tenant_id, "--name", name]
    return shlex.join([*words, *options_of(connection.kind).arguments(connection)])


def _json(report: DetectionReport) -> dict[str, Any]:
    found = asdict(report)
    for name, finding in zip(suggest_names(report.findings), found["findings"], strict=True):
        finding["connection"].pop("password", None)
        finding["name"] = name
    return found
