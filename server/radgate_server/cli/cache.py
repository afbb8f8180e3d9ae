"""`radgate cache`: what is kept of studies that were read."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TextIO

import click

from radgate_server.cli.cache_analytics import analytics
from radgate_server.cli.prefetch_rules import priors, rule
from radgate_server.cli.shared.admin import caller_for, run_admin, tenants_asked_for
from radgate_server.cli.shared.options import (
    RadgateGroup,
    Span,
    any_tenant_option,
    config_option,
    json_option,
    tenant_option,
)
from radgate_server.cli.shared.output import hint, print_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from radgate_server.core.jobs.job import Job
    from radgate_server.core.prefetch.batch import PrefetchedStudy
    from radgate_server.services.administration.tenants import AdminService


@click.group(cls=RadgateGroup)
def cache() -> None:
    """The cached data of studies."""


cache.add_command(analytics)
cache.add_command(priors)
cache.add_command(rule)


@cache.command()
@any_tenant_option
@click.option("--count", "counted", is_flag=True, help="Count the files, which takes half a minute for a million.")
@json_option
@config_option
def stats(tenant_id: str | None, counted: bool, as_json: bool) -> None:
    """Show what the disk holds for each tenant; the limit is for all together.

    A server counts as it goes, and leaves its count here every minute and when it stops: AS-OF is when that was. Where
    no server has left one, the files are counted now. What a running server holds in memory, and its hits and misses,
    it reports itself: GET /api/v1/admin/cache/stats.
    """
    rows = run_admin(lambda admin: _usage(admin, tenant_id), counted=counted)
    print_rows(rows, ("tenant", "tier", "entries", "used_bytes", "limit_bytes", "as_of"), as_json=as_json)


@cache.command()
@tenant_option
@click.option("--study", "study_instance_uid", metavar="UID", default="", help="Only of this study.")
@click.option("--series", "series_instance_uid", metavar="UID", default="", help="Only of this series; needs --study.")
@click.option("--instance", "sop_instance_uid", metavar="UID", default="", help="Only this instance; needs --series.")
@click.option("--pacs", metavar="NAME", default="", help="Only what this PACS sent.")
@click.option("--older-than", type=Span(), help="Only what was fetched this long ago or earlier, such as 30d.")
@click.option("--dry-run", is_flag=True, help="Count what would be thrown away on this disk, and throw away nothing.")
@config_option
def invalidate(tenant_id: str, dry_run: bool, **chosen: Any) -> None:
    """Throw away what is cached, in running servers too.

    Without further options that is all that the tenant has, else what matches all of them. Answers in memory,
    thumbnails and transcoded files go with their whole study; with --pacs or --older-than alone, those of all studies
    go. What was cached by a version that did not record its origin matches each PACS and each age.
    """
    from radgate_server.services.administration.cache_selection import CacheSelection

    async def work(admin: "AdminService") -> int:
        await tenants_asked_for(admin, tenant_id)
        return await admin.invalidate_cache(caller_for(tenant_id), CacheSelection(**chosen), dry_run=dry_run)

    removed = run_admin(work)
    hint(f"would throw away {removed} instances" if dry_run else f"threw away {removed} instances")


@cache.command()
@tenant_option
@click.option("--study", "studies", metavar="UID", multiple=True, help="A study; give it once for each.")
@click.option(
    "--from-file", type=click.File(), help="A file with one Study Instance UID a line; - for the standard input."
)
@click.option("--request-id", default="", help="Any text: the same again gives the job that was submitted then.")
@json_option
@config_option
def warm(tenant_id: str, studies: tuple[str, ...], from_file: TextIO | None, request_id: str, as_json: bool) -> None:
    """Have a server fetch studies into its cache, behind everything that somebody waits for.

    Studies that are cached already are skipped. Prints the job, which a running server or worker does; `radgate cache
    warmed` shows what became of each study.
    """
    chosen = [*studies, *(line.strip() for line in from_file or () if line.strip())]

    async def work(admin: "AdminService") -> "Job":
        await tenants_asked_for(admin, tenant_id)
        return await admin.prefetch.prefetch(caller_for(tenant_id), chosen, request_id)

    job = run_admin(work)
    row = {"job": job.job_id, "state": job.state.value, "studies": len(set(chosen))}
    print_rows([row], tuple(row), as_json=as_json)


@cache.command()
@tenant_option
@click.argument("job_id", metavar="JOB")
@json_option
@config_option
def warmed(tenant_id: str, job_id: str, as_json: bool) -> None:
    """Show what became of the studies of a job that `radgate cache warm` submitted."""

    async def work(admin: "AdminService") -> "Sequence[PrefetchedStudy]":
        await tenants_asked_for(admin, tenant_id)
        return await admin.prefetch.outcomes(caller_for(tenant_id), job_id)

    rows = [asdict(row) for row in run_admin(work)]
    columns = ("study_instance_uid", "outcome", "reason", "instances", "fetched_instances", "fetched_bytes", "time")
    print_rows([{name: row[name] for name in columns} for row in rows], columns, as_json=as_json)


async def _usage(admin: "AdminService", tenant_id: str | None) -> list[dict[str, Any]]:
    return [
        {
            "tenant": tenant,
            "tier": usage.tier,
            "entries": usage.entries,
            "used_bytes": usage.used_bytes,
            "limit_bytes": usage.limit_bytes,
            "as_of": usage.as_of,
        }
        for tenant in await tenants_asked_for(admin, tenant_id)
        for usage in await admin.cache_stats(caller_for(tenant))
    ]
