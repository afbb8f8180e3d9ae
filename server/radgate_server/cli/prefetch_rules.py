"""`radgate cache priors` and `radgate cache rule`: which priors of a patient are prefetched."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from radgate_server.cli.shared.admin import caller_for, run_admin, tenants_asked_for
from radgate_server.cli.shared.options import RadgateGroup, config_option, json_option, tenant_option
from radgate_server.cli.shared.output import hint, print_json, print_rows, size_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from radgate_server.core.jobs.job import Job
    from radgate_server.core.prefetch.priors import PriorRule
    from radgate_server.services.administration.tenants import AdminService
    from radgate_server.services.prefetch.replaying import RuleReplay

_COLUMNS = ("name", "last", "max_age_days", "same_modality", "same_body_part", "enabled", "triggers")
_TRIGGERS = ("arrival", "worklist", "order")


@click.command()
@tenant_option
@click.option("--study", metavar="UID", required=True, help="The study whose priors are to be fetched.")
@click.option("--rule", "name", metavar="NAME", default="", help="By this rule; else by all that are enabled.")
@json_option
@config_option
def priors(tenant_id: str, study: str, name: str, as_json: bool) -> None:
    """Have a server fetch the priors of a study into its cache, as rules choose them. Prints the job."""
    from radgate_server.core.prefetch.batch import RULES

    async def work(admin: "AdminService") -> "Job | None":
        await tenants_asked_for(admin, tenant_id)
        chosen = await admin.priors.choose(caller_for(tenant_id), study, name)
        if not chosen:
            return None
        return await admin.prefetch.prefetch(caller_for(tenant_id), chosen, source=name or RULES)

    job = run_admin(work)
    if job is None:
        hint("no prior was chosen")
    rows = [{"job": job.job_id, "state": job.state.value}] if job else []
    print_rows(rows, ("job", "state"), as_json=as_json)


@click.group(cls=RadgateGroup)
def rule() -> None:
    """The rules by which priors of a patient are prefetched."""


@rule.command("list")
@tenant_option
@json_option
@config_option
def list_command(tenant_id: str, as_json: bool) -> None:
    """List the tenant's rules."""

    async def work(admin: "AdminService") -> "Sequence[PriorRule]":
        await tenants_asked_for(admin, tenant_id)
        return await admin.priors.list_rules(caller_for(tenant_id))

    rows = [{**asdict(each), "triggers": tuple(sorted(each.triggers))} for each in run_admin(work)]
    print_rows(rows, _COLUMNS, as_json=as_json)


@rule.command("set")
@tenant_option
@click.argument("name")
@click.option("--last", type=int, default=3, show_default=True, help="At most so many studies, the newest.")
@click.option("--max-age-days", type=int, default=0, help="None that is so many days older; 0: any age.")
@click.option("--same-modality", is_flag=True, help="Only those with a modality in common.")
@click.option(
    "--same-body-part",
    is_flag=True,
    help="Only those with a Body Part Examined in common, else with the same description.",
)
@click.option("--enabled/--disabled", default=False, show_default=True, help="Whether it applies where none is named.")
@click.option(
    "--trigger",
    "triggers",
    type=click.Choice(_TRIGGERS),
    multiple=True,
    help="What sets it off besides calls, while it is enabled; may be given several times.",
)
@config_option
def set_command(
    tenant_id: str,
    name: str,
    last: int,
    max_age_days: int,
    same_modality: bool,
    same_body_part: bool,
    enabled: bool,
    triggers: tuple[str, ...],
) -> None:
    """Add a rule, or put it in place of the one of that name."""
    from radgate_server.core.prefetch.priors import PriorRule, Trigger

    chosen = PriorRule(
        name, last, max_age_days, same_modality, same_body_part, enabled, frozenset(map(Trigger, triggers))
    )

    async def work(admin: "AdminService") -> None:
        await tenants_asked_for(admin, tenant_id)
        await admin.priors.set_rule(caller_for(tenant_id), chosen)

    run_admin(work)


@rule.command()
@tenant_option
@click.argument("name")
@config_option
def delete(tenant_id: str, name: str) -> None:
    """Delete a rule."""
    run_admin(lambda admin: admin.priors.delete_rule(caller_for(tenant_id), name))


@rule.command()
@tenant_option
@click.argument("name")
@click.option("--days", type=int, default=7, show_default=True, help="Days of recorded accesses, 1 to 90.")
@json_option
@config_option
def replay(tenant_id: str, name: str, days: int, as_json: bool) -> None:
    """Show what a rule would have fetched on the last days of recorded accesses, and what would have been used.

    The rule need not be enabled. The PACS are asked which studies the patients have, of 200 patients at most.
    """
    from radgate_server.core.errors import ResourceNotFoundError

    async def work(admin: "AdminService") -> "RuleReplay":
        await tenants_asked_for(admin, tenant_id)
        caller = caller_for(tenant_id)
        chosen = next((each for each in await admin.priors.list_rules(caller) if each.name == name), None)
        if chosen is None:
            raise ResourceNotFoundError("there is no rule of that name; `radgate cache rule list` shows them")
        return await admin.priors.replay(caller, chosen, days)

    _print(run_admin(work), as_json=as_json)


def _print(found: "RuleReplay", *, as_json: bool) -> None:
    counts = found.counts
    if as_json:
        print_json({"since": found.since, "patients": found.patients, "sampled": found.sampled, **asdict(counts)})
        return
    rows = [
        {"priors": "fetched", "studies": counts.fetched, "size": size_text(counts.fetched_bytes)},
        {"priors": "used", "studies": counts.used, "size": size_text(counts.used_bytes)},
        {"priors": "wasted", "studies": counts.wasted, "size": size_text(counts.wasted_bytes)},
    ]
    print_rows(rows, ("priors", "studies", "size"), as_json=False)
    click.echo(f"since          {found.since:%Y-%m-%d %H:%M}Z")
    click.echo(f"patients       {found.sampled} of {found.patients}")
    click.echo(f"studies opened {counts.opened}")
    click.echo(f"cached already {counts.cached}")
    click.echo(f"waiting saved  {counts.waited_ms / 1000:.1f} s")
