"""What the commands about PACS share: names, groups, and reports of validations."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click

from radgate_server.cli.shared.options import tenant_option, together
from radgate_server.core.pacs.connections import PacsConnection
from radgate_server.core.pacs.failover import MAX_FAILOVER_THRESHOLD
from radgate_server.core.pacs.setup import PacsSetup
from radgate_server.core.pacs.validation import Check

name_option = click.option("--name", metavar="NAME", required=True, help="Name of the PACS within its tenant.")
one_pacs = together(tenant_option, name_option)
named_pacs = together(click.argument("name"), tenant_option)

group_options = together(
    click.option("--backup-for", metavar="NAME", help="Stand in for this PACS, which holds the same studies."),
    click.option(
        "--failover-threshold",
        metavar="N",
        type=click.IntRange(1, MAX_FAILOVER_THRESHOLD),
        help="Of a PACS with backups: failures in a row that send its work to one; 3 by default.",
    ),
    click.option(
        "--failback-after",
        metavar="SECONDS",
        type=click.FloatRange(0, 86_400),
        help="Steady health that brings the work back; 60 by default.",
    ),
    click.option(
        "--failover/--no-failover", default=None, help="Switch over by itself, or only by `radgate pacs failover`."
    ),
)
no_validate_option = click.option(
    "--no-validate",
    "skip_validation",
    is_flag=True,
    help="Save it without connecting to it. What it risks: a typing error is then noticed only by the radiologist who"
    " misses a study.",
)

type Options = dict[str, Any]


def set_up(old: PacsSetup | None, connection: PacsConnection, options: Options) -> PacsSetup:
    """Put a PACS's connection and the group options together; those that are not given stay."""
    setup = PacsSetup(connection) if old is None else replace(old, connection=connection)
    given = {
        "enabled": options["failover"],
        "threshold": options["failover_threshold"],
        "failback_after_s": options["failback_after"],
    }
    policy = replace(setup.failover, **{name: value for name, value in given.items() if value is not None})
    backup_for = setup.backup_for if options["backup_for"] is None else options["backup_for"]
    return replace(setup, backup_for=backup_for, failover=policy)


def print_check(*, err: bool) -> Callable[[Check], None]:
    """Report each check of a validation as it is made, on stdout or stderr."""

    def report(check: Check) -> None:
        click.echo(f"{check.name:<18}{check.outcome.value:<9}{check.message}", err=err)

    return report
