"""Tenants, keys, PACS, failover, statuses, limits and changes in memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from radgate_server.core.access.ports.directory import DROPPING, RECONFIGURING, Change, ChangeKind, FeedEpoch
from radgate_server.core.access.tenancy import ANY_TENANT, ApiKey, Tenant
from radgate_server.core.errors import ResourceExistsError, ResourceNotFoundError
from radgate_server.core.limits.model import Limits, LimitSubject
from radgate_server.core.pacs.connections import PacsConfig
from radgate_server.core.pacs.failover import (
    ActivePacs,
    Transition,
    TransitionCause,
    check_backup_for,
    check_has_no_backups,
)
from radgate_server.core.pacs.health import PacsStatus


def _now() -> datetime:
    return datetime.now(UTC)


class MemoryDirectory:
    """All ports of core/access/ports/directory.py, and LimitDirectory; what is set up is gone with the object."""

    def __init__(self, now: Callable[[], datetime] = _now) -> None:
        self._now = now
        self._tenants: dict[str, Tenant] = {}
        self._keys: dict[str, ApiKey] = {}
        self._pacs: dict[tuple[str, str], PacsConfig] = {}
        self._active: dict[tuple[str, str], ActivePacs] = {}
        self._transitions: list[Transition] = []
        self._statuses: dict[tuple[str, str], PacsStatus] = {}
        self._limits: dict[LimitSubject, Limits] = {}
        self._changes: list[Change] = []
        self.restored = 0
        """How often it was put back to an older state; what tests set."""

    async def create_tenant(self, tenant: Tenant) -> None:
        if tenant.tenant_id in self._tenants:
            raise ResourceExistsError("there is a tenant of that name already")
        self._tenants[tenant.tenant_id] = tenant
        self._announce(ChangeKind.TENANT, tenant.tenant_id, "")

    async def list_tenants(self) -> Sequence[Tenant]:
        return tuple(self._tenants[tenant_id] for tenant_id in sorted(self._tenants))

    async def update_tenant(self, tenant_id: str, *, hide_rejected: bool) -> Tenant:
        self._require_tenant(tenant_id)
        tenant = self._tenants[tenant_id] = replace(self._tenants[tenant_id], hide_rejected=hide_rejected)
        self._announce(ChangeKind.TENANT, tenant_id, "")
        return tenant

    async def delete_tenant(self, tenant_id: str) -> None:
        self._require_tenant(tenant_id)
        del self._tenants[tenant_id]
        self._limits = {subject: kept for subject, kept in self._limits.items() if subject.tenant_id != tenant_id}
        for place in [place for place in self._pacs if place[0] == tenant_id]:
            self._remove(place)
        self._transitions = [transition for transition in self._transitions if transition.tenant_id != tenant_id]
        for key in [key for key in self._keys.values() if tenant_id in key.tenant_ids]:
            left = tuple(other for other in key.tenant_ids if other != tenant_id)
            self._keys[key.key_id] = replace(key, tenant_ids=left)
            self._announce(ChangeKind.KEY, "", key.key_id)
        self._announce(ChangeKind.TENANT, tenant_id, "")

    async def create_key(self, key: ApiKey) -> None:
        for tenant_id in key.tenant_ids:
            if tenant_id != ANY_TENANT:
                self._require_tenant(tenant_id)
        if key.key_id in self._keys:
            raise ResourceExistsError("there is a key of that identifier already")
        self._keys[key.key_id] = key
        self._announce(ChangeKind.KEY, "", key.key_id)

    async def find_key(self, key_id: str) -> ApiKey | None:
        return self._keys.get(key_id)

    async def list_keys(self, tenant_id: str) -> Sequence[ApiKey]:
        return tuple(key for key in self._keys.values() if tenant_id in key.tenant_ids)

    async def list_every_key(self) -> Sequence[ApiKey]:
        return tuple(self._keys.values())

    async def replace_key(self, key_id: str, new: ApiKey, end_time: datetime) -> None:
        old = self._keys.get(key_id)
        if old is None or not old.is_good(self._now()) or old.replaced_by:
            raise ResourceNotFoundError("there is no such key that is good and was not rotated yet")
        await self.create_key(new)
        for subject, limits in list(self._limits.items()):
            if subject.key_id == key_id:
                await self.put_limits(LimitSubject(subject.tenant_id, new.key_id), limits)
        ends = end_time if old.expire_time is None else min(end_time, old.expire_time)
        self._keys[key_id] = replace(old, expire_time=ends, replaced_by=new.key_id)
        self._announce(ChangeKind.KEY, "", key_id)

    async def record_use(self, uses: Mapping[str, datetime]) -> None:
        for key_id, time in uses.items():
            key = self._keys.get(key_id)
            if key is not None and (key.last_use_time is None or key.last_use_time < time):
                self._keys[key_id] = replace(key, last_use_time=time)

    async def revoke_key(self, key_id: str, tenant_id: str) -> ApiKey:
        key = self._keys.get(key_id)
        if key is None or tenant_id not in key.tenant_ids:
            raise ResourceNotFoundError("the tenant has no such key")
        if key.revoke_time is None:
            key = self._keys[key_id] = replace(key, revoke_time=self._now())
            self._announce(ChangeKind.KEY, "", key_id)
        return key

    async def create_pacs(self, pacs: PacsConfig) -> None:
        self._require_tenant(pacs.tenant_id)
        place = (pacs.tenant_id, pacs.name)
        check_backup_for(pacs.name, pacs.backup_for, self._others(place))
        if place in self._pacs:
            raise ResourceExistsError("the tenant has a PACS of that name already")
        self._pacs[place] = pacs
        self._announce(ChangeKind.PACS, *place)

    async def list_pacs(self, tenant_id: str) -> Sequence[PacsConfig]:
        return tuple(pacs for pacs in self._pacs.values() if pacs.tenant_id == tenant_id)

    async def update_pacs(self, pacs: PacsConfig) -> None:
        place = (pacs.tenant_id, pacs.name)
        if place not in self._pacs:
            raise ResourceNotFoundError("the tenant has no PACS of that name")
        check_backup_for(pacs.name, pacs.backup_for, self._others(place))
        self._pacs[place] = pacs
        for group, active in list(self._active.items()):
            if place == (group[0], active.active) and group[1] not in (pacs.name, pacs.backup_for):
                del self._active[group]
        self._announce(ChangeKind.PACS, *place)

    async def delete_pacs(self, tenant_id: str, name: str) -> None:
        place = (tenant_id, name)
        if place not in self._pacs:
            raise ResourceNotFoundError("the tenant has no PACS of that name")
        check_has_no_backups(name, self._others(place))
        self._remove(place)
        self._announce(ChangeKind.PACS, tenant_id, name)

    async def list_active(self, tenant_id: str) -> Sequence[ActivePacs]:
        found = (active for active in self._active.values() if active.tenant_id == tenant_id)
        return tuple(sorted(found, key=lambda active: active.primary))

    async def record_transition(self, transition: Transition) -> bool:
        tenant_id, place = transition.tenant_id, (transition.tenant_id, transition.primary)
        if place not in self._pacs or (tenant_id, transition.to_pacs) not in self._pacs:
            raise ResourceNotFoundError("the tenant has no PACS of that name")
        known = self._active.get(place)
        if (known.active if known else transition.primary) != transition.from_pacs:
            return False
        by_hand = transition.cause is TransitionCause.MANUAL_FAILOVER
        self._active[place] = ActivePacs(*place, transition.to_pacs, transition.time, by_hand)
        self._transitions.append(transition)
        self._announce(ChangeKind.FAILOVER, *place)
        return True

    async def list_transitions(self, tenant_id: str, primary: str, limit: int) -> Sequence[Transition]:
        newest_first = reversed(self._transitions)
        group = (tenant_id, primary)
        return tuple(found for found in newest_first if (found.tenant_id, found.primary) == group)[:limit]

    async def publish(self, statuses: Sequence[PacsStatus]) -> None:
        known = {(status.tenant_id, status.name): status for status in statuses}
        self._statuses.update({place: status for place, status in known.items() if place in self._pacs})

    async def list_statuses(self, tenant_id: str) -> Sequence[PacsStatus]:
        found = (status for status in self._statuses.values() if status.tenant_id == tenant_id)
        return tuple(sorted(found, key=lambda status: status.name))

    async def changes_after(self, sequence: int) -> Sequence[Change]:
        return tuple(change for change in self._changes if change.sequence > sequence)

    async def list_limits(self) -> Mapping[LimitSubject, Limits]:
        return dict(self._limits)

    async def put_limits(self, subject: LimitSubject, limits: Limits) -> None:
        self._require_tenant(subject.tenant_id)
        self._limits.pop(subject, None)
        if limits != Limits():
            self._limits[subject] = limits
        self._announce(ChangeKind.LIMITS, subject.tenant_id, "")

    async def epoch(self, sequence: int) -> FeedEpoch:
        return FeedEpoch(len(self._changes), f"{self.restored}" if sequence else "")

    async def last_change(self) -> int:
        return len(self._changes)

    async def last_invalidation(self, tenant_id: str, study_instance_uid: str) -> int:
        studies = (study_instance_uid, "")
        concerning = (
            change.sequence
            for change in self._changes
            if change.tenant_id == tenant_id
            and (
                change.kind in RECONFIGURING
                or (change.kind in DROPPING and (not study_instance_uid or change.subject in studies))
            )
        )
        return max(concerning, default=0)

    async def announce_invalidation(
        self, tenant_id: str, study_instance_uid: str, kind: ChangeKind = ChangeKind.CACHE, part: str = ""
    ) -> None:
        self._announce(kind, tenant_id, study_instance_uid, part)

    def _others(self, place: tuple[str, str]) -> dict[str, str]:
        tenant_id, name = place
        others = (pacs for pacs in self._pacs.values() if pacs.tenant_id == tenant_id and pacs.name != name)
        return {pacs.name: pacs.backup_for for pacs in others}

    def _remove(self, place: tuple[str, str]) -> None:
        del self._pacs[place]
        self._statuses.pop(place, None)
        for group, active in list(self._active.items()):
            if place in (group, (active.tenant_id, active.active)):
                del self._active[group]

    def _announce(self, kind: ChangeKind, tenant_id: str, subject: str, part: str = "") -> None:
        self._changes.append(Change(len(self._changes) + 1, kind, tenant_id, subject, part))

    def _require_tenant(self, tenant_id: str) -> None:
        if tenant_id not in self._tenants:
            raise ResourceNotFoundError("there is no tenant of that name")
