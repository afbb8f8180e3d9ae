"""`radgate cache analytics`: what caches saved, of one tenant or of all."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from radgate_server.cli.shared.admin import caller_for, run_admin, tenants_asked_for
from radgate_server.cli.shared.options import any_tenant_option, config_option, json_option
from radgate_server.cli.shared.output import print_json, print_rows, size_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from radgate_server.core.cache.ages import CacheAges
    from radgate_server.core.cache.savings import Savings
    from radgate_server.services.administration.cache_report import CacheReport, TenantReport
    from radgate_server.services.administration.tenants import AdminService
    from radgate_server.services.cache.access_statistics import AccessSummary, AccessTotals

_TIER_COLUMNS = ("tier", "accesses", "sent_bytes", "fetched_bytes", "waited_ms", "first_byte_us")
_AGE_COLUMNS = ("tier", "within", "used", "fetched")
_TENANT_COLUMNS = ("tenant", "accesses", "hit_rate", "fetched_bytes", "saved_bytes")


@click.command()
@any_tenant_option
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="How far back to look.")
@json_option
@config_option
def analytics(tenant_id: str | None, days: int, as_json: bool) -> None:
    """Show which tiers served the tenant's accesses, what that saved, and which size of the cache follows.

    Of all servers of the database, as docs/operations/cache-analytics.md explains. TIER is the farthest tier that an
    access needed: pacs stands for what had to be fetched. Without --tenant it is the sum over all tenants, with each
    of them below; size and time are computed for one tenant alone. Ages are those of the object store.
    """

    async def work(admin: "AdminService") -> "CacheReport":
        if tenant_id is not None:
            await tenants_asked_for(admin, tenant_id)
        return await admin.reports.report(caller_for(tenant_id or ""), days)

    report = run_admin(work)
    if as_json:
        print_json(_document(report))
    else:
        _print(report)


def _document(report: "CacheReport") -> dict[str, Any]:
    document = {**_totals(report.history), "ages": {tier: _jsonable(ages) for tier, ages in report.ages.items()}}
    if (summary := _summary_of(report)) is not None:
        return document | {
            "sampled": summary.sampled,
            "studies": summary.reuse.studies,
            "working_set": [point._asdict() for point in summary.curve],
            "recommendation": summary.advice._asdict(),
            "prefetched": asdict(summary.prefetched),
        }
    tenants = [{"tenant": one.tenant_id, **_totals(one.history)} for one in report.tenants]
    return document | {"tenants": tenants, "omitted_tenants": report.omitted_tenants}


def _print(report: "CacheReport") -> None:
    print_rows(_tier_rows(report.history), _TIER_COLUMNS, as_json=False)
    _print_savings(report.history.savings)
    summary = _summary_of(report)
    if summary is not None:
        use = summary.prefetched
        click.echo(f"prefetched    {use.used} studies used, {use.wasted} wasted, {use.pending} pending")
        click.echo(f"size          {summary.advice.size_reason}")
        click.echo(f"time          {summary.advice.keep_reason}")
    if rows := _age_rows(report.ages):
        click.echo()
        print_rows(rows, _AGE_COLUMNS, as_json=False)
    if summary is None:
        click.echo()
        print_rows(_tenant_rows(report.tenants), _TENANT_COLUMNS, as_json=False)
    if report.omitted_tenants:
        click.echo(f"{report.omitted_tenants} more tenants; name one by --tenant")


def _print_savings(savings: "Savings") -> None:
    saved = "unknown, since nothing was fetched" if savings.saved_s is None else f"{savings.saved_s:.1f} s"
    click.echo(f"hit rate      {savings.hit_rate:.1%}")
    click.echo(f"not fetched   {size_text(savings.saved_bytes)} in {savings.saved_accesses} accesses")
    click.echo(f"waiting saved {saved}")


def _summary_of(report: "CacheReport") -> "AccessSummary | None":
    from radgate_server.services.cache.access_statistics import AccessSummary

    return report.history if isinstance(report.history, AccessSummary) else None


def _totals(history: "AccessTotals") -> dict[str, Any]:
    return {"since": history.since, "tiers": _tier_rows(history), "savings": asdict(history.savings)}


def _tier_rows(history: "AccessTotals") -> list[dict[str, Any]]:
    return [{"tier": tier, **counts._asdict()} for tier, counts in sorted(history.by_tier.items())]


def _tenant_rows(tenants: "Sequence[TenantReport]") -> list[dict[str, Any]]:
    return [
        {
            "tenant": one.tenant_id,
            "accesses": one.history.accesses,
            "hit_rate": f"{one.history.savings.hit_rate:.1%}",
            "fetched_bytes": one.history.savings.fetched_bytes,
            "saved_bytes": one.history.savings.saved_bytes,
        }
        for one in tenants
    ]


def _age_rows(ages: "Mapping[str, CacheAges]") -> list[dict[str, Any]]:
    return [
        {"tier": tier, "within": _span_text(count.within), "used": count.used, "fetched": count.fetched}
        for tier, of_tier in ages.items()
        for count in of_tier.counts
    ]


def _span_text(span: "timedelta") -> str:
    return f"{span.days} d" if span.days else f"{span.seconds // 3600} h"


def _jsonable(ages: "CacheAges") -> dict[str, Any]:
    counts = [
        {"within_s": int(count.within.total_seconds()), "used": count.used, "fetched": count.fetched}
        for count in ages.counts
    ]
    return {
        "entries": ages.entries,
        "counts": counts,
        "oldest_use_time": ages.oldest_use,
        "oldest_fetch_time": ages.oldest_fetch,
    }
