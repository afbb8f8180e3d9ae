"""Between the messages of AdminService and the words of the core: tenants, keys, caches."""

from dataclasses import asdict
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from radgate.v1 import admin_service_pb2 as messages
from radgate_server.core.access.tenancy import ApiKey, Role, Tenant
from radgate_server.core.cache.accesses import AccessCounts
from radgate_server.core.cache.ages import CacheAges
from radgate_server.core.cache.ports.tiers import TierUsage
from radgate_server.core.cache.reuse import Recommendation
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.rpc.v1.convert.restriction import to_restriction
from radgate_server.rpc.v1.convert.times import from_timestamp, to_duration, to_timestamp
from radgate_server.rpc.v1.enum_words import CACHE_TIERS
from radgate_server.services.administration.cache_report import CacheReport
from radgate_server.services.cache.access_statistics import AccessSummary, AccessTotals

_ROLES = {
    messages.ROLE_VIEWER: Role.VIEWER,
    messages.ROLE_OPERATOR: Role.OPERATOR,
    messages.ROLE_ADMIN: Role.ADMIN,
    messages.ROLE_AUDITOR: Role.AUDITOR,
}
_HOUR_S = 3600
_HIDE_REJECTED = "hide_rejected"
_ROLES_OUT = {role: value for value, role in _ROLES.items()}


def from_role(role: messages.Role) -> Role:
    """Read a role. Raises InvalidArgumentError for none, and for one that this server does not know."""
    if role not in _ROLES:
        raise InvalidArgumentError("role", "must be ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMIN or ROLE_AUDITOR")
    return _ROLES[role]


def from_expire_time(request: messages.CreateApiKeyRequest) -> datetime | None:
    """Read when the key ends. Raises InvalidArgumentError for what is no time."""
    if not request.HasField("expire_time"):
        return None
    try:
        return from_timestamp(request.expire_time)
    except ValueError:
        raise InvalidArgumentError("expire_time", "must be a time of the years 1 to 9999") from None


def to_tenant(tenant: Tenant) -> messages.Tenant:
    """Render a tenant."""
    return messages.Tenant(
        tenant_id=tenant.tenant_id, create_time=to_timestamp(tenant.create_time), hide_rejected=tenant.hide_rejected
    )


def from_update_tenant(request: messages.UpdateTenantRequest) -> bool:
    """Whether the tenant is to hide what is rejected, which is all that can be changed of it.

    Raises:
        InvalidArgumentError: the request changes something else, or nothing.
    """
    paths = list(request.update_mask.paths)
    if any(path != _HIDE_REJECTED for path in paths):
        raise InvalidArgumentError("update_mask", f"{_HIDE_REJECTED} is the only field of a tenant that can be changed")
    if not (paths or request.tenant.HasField(_HIDE_REJECTED)):
        raise InvalidArgumentError(f"tenant.{_HIDE_REJECTED}", "must be given: it is what can be changed of a tenant")
    return request.tenant.hide_rejected


def to_api_key(key: ApiKey) -> messages.ApiKey:
    """Render a key's record, without the hash of its secret."""
    return messages.ApiKey(
        key_id=key.key_id,
        tenant_ids=key.tenant_ids,
        role=_ROLES_OUT[key.role],
        label=key.label,
        create_time=to_timestamp(key.create_time),
        revoke_time=_to_time(key.revoke_time),
        expire_time=_to_time(key.expire_time),
        last_use_time=_to_time(key.last_use_time),
        replaced_by_key_id=key.replaced_by,
        restriction=to_restriction(key.restriction),
    )


def _to_time(time: datetime | None) -> Timestamp | None:
    return None if time is None else to_timestamp(time)


def _tier_stats(usage: TierUsage) -> messages.CacheTierStats:
    return messages.CacheTierStats(
        tier=CACHE_TIERS.number(usage.tier),
        entries=usage.entries,
        used_bytes=usage.used_bytes,
        limit_bytes=usage.limit_bytes,
        hits=usage.hits,
        misses=usage.misses,
        evictions=usage.evictions,
    )


def to_cache_stats(report: CacheReport) -> messages.GetCacheStatsResponse:
    """Render what is reported of caches."""
    return messages.GetCacheStatsResponse(
        tiers=map(_tier_stats, report.tiers),
        history=_history(report.history),
        ages=[_ages(tier, ages) for tier, ages in report.ages.items()],
        tenants=[
            messages.TenantCacheStats(
                tenant_id=one.tenant_id, tiers=map(_tier_stats, one.tiers), history=_history(one.history)
            )
            for one in report.tenants
        ],
        omitted_tenants=report.omitted_tenants,
        stores=[
            messages.CacheStoreStats(tier=CACHE_TIERS.number(tier), **usage._asdict())
            for tier, usage in report.stores.items()
        ],
    )


def _ages(tier: str, ages: CacheAges) -> messages.CacheTierAges:
    return messages.CacheTierAges(
        tier=CACHE_TIERS.number(tier),
        entries=ages.entries,
        examined=ages.examined,
        ages=[
            messages.CacheAge(within=to_duration(within.total_seconds()), used=used, fetched=fetched)
            for within, used, fetched in ages.counts
        ],
        oldest_use_time=_to_time(ages.oldest_use),
        oldest_fetch_time=_to_time(ages.oldest_fetch),
    )


def _history(totals: AccessTotals) -> messages.CacheHistory:
    savings = totals.savings
    history = messages.CacheHistory(
        since_time=to_timestamp(totals.since),
        tiers=[_tier(tier, counts) for tier, counts in sorted(totals.by_tier.items())],
        hit_rate=savings.hit_rate,
        fetched_bytes=savings.fetched_bytes,
        waited=to_duration(savings.waited_s),
        saved_bytes=savings.saved_bytes,
        waiting_saved=None if savings.saved_s is None else to_duration(savings.saved_s),
        saved_accesses=savings.saved_accesses,
    )
    if isinstance(totals, AccessSummary):
        history.MergeFrom(_of_one_tenant(totals))
    return history


def _of_one_tenant(summary: AccessSummary) -> messages.CacheHistory:
    return messages.CacheHistory(
        sampled=summary.sampled,
        studies=summary.reuse.studies,
        working_set=[messages.WorkingSetPoint(size_bytes=size, hit_rate=rate) for size, rate in summary.curve],
        recommendation=_recommendation(summary.advice),
        prefetched=messages.PrefetchUse(**asdict(summary.prefetched)),
    )


def _tier(tier: str, counts: AccessCounts) -> messages.CacheTierAccesses:
    return messages.CacheTierAccesses(
        tier=tier,
        accesses=counts.accesses,
        sent_bytes=counts.sent_bytes,
        fetched_bytes=counts.fetched_bytes,
        waited=to_duration(counts.waited_ms / 1000),
        first_byte=to_duration(counts.first_byte_us / 1_000_000),
    )


def _recommendation(advice: Recommendation) -> messages.CacheRecommendation:
    return messages.CacheRecommendation(
        size_bytes=advice.size_bytes or 0,
        size_reason=advice.size_reason,
        keep_for=None if advice.keep_hours is None else to_duration(advice.keep_hours * _HOUR_S),
        keep_reason=advice.keep_reason,
    )
