"""Switching over by hand. Needs no running server: it writes to the directory, and servers follow."""

from collections.abc import Sequence

from radgate_server.core.errors import InvalidArgumentError, ResourceNotFoundError
from radgate_server.core.failover import ActivePacs, Group, Transition, TransitionCause, active_of, groups_of
from radgate_server.core.health import Health
from radgate_server.core.ports.clock import Clock
from radgate_server.core.ports.directory import FailoverDirectory, PacsDirectory, StatusBoard


class FailoverSwitch:
    """What operators do about groups, and see of them. `reason` of a switch-over says who did it, or why."""

    def __init__(self, pacs: PacsDirectory, failover: FailoverDirectory, statuses: StatusBoard, clock: Clock) -> None:
        self._pacs = pacs
        self._failover = failover
        self._statuses = statuses
        self._clock = clock

    async def failover(self, tenant_id: str, primary: str, to_pacs: str = "", *, reason: str) -> Transition:
        """Make a backup active until an operator fails back or it fails; "": the next that is not known to be down.

        Raises:
            ResourceNotFoundError: the tenant has no such PACS.
            InvalidArgumentError: it has no backups, or `to_pacs` is none of them.
        """
        group = await self._group(tenant_id, primary)
        if len(group.members) == 1:
            raise InvalidArgumentError("name", "no PACS is a backup for this one")
        if to_pacs and to_pacs not in group.members[1:]:
            raise InvalidArgumentError("to", "this PACS is no backup for the primary")
        down = {
            status.name
            for status in await self._statuses.list_statuses(tenant_id)
            if status.health is Health.DOWN and not to_pacs
        }
        while True:
            active = active_of(group, await self._chosen(group))
            target = to_pacs or _next_backup(group, active, down)
            if transition := await self._record(group, active, target, TransitionCause.MANUAL_FAILOVER, reason):
                return transition

    async def failback(self, tenant_id: str, primary: str, *, reason: str) -> Transition:
        """Give the primary its work back. Raises as `failover`, InvalidArgumentError also when it is active already."""
        group = await self._group(tenant_id, primary)
        while True:
            active = active_of(group, await self._chosen(group))
            if active == group.primary:
                raise InvalidArgumentError("name", "the primary is active already")
            if transition := await self._record(group, active, primary, TransitionCause.MANUAL_FAILBACK, reason):
                return transition

    async def active(self, tenant_id: str) -> dict[str, str]:
        """The active PACS of each of the tenant's groups, by primary."""
        chosen = {entry.primary: entry for entry in await self._failover.list_active(tenant_id)}
        groups = groups_of(await self._pacs.list_pacs(tenant_id))
        return {group.primary: active_of(group, chosen.get(group.primary)) for group in groups}

    async def history(self, tenant_id: str, primary: str, limit: int) -> Sequence[Transition]:
        """The group's transitions, the newest first; also of one that is gone."""
        return await self._failover.list_transitions(tenant_id, primary, limit)

    async def _group(self, tenant_id: str, primary: str) -> Group:
        configs = await self._pacs.list_pacs(tenant_id)
        config = next((config for config in configs if config.name == primary), None)
        if config is None:
            raise ResourceNotFoundError("the tenant has no PACS of this name", kind="pacs")
        if config.backup_for:
            raise InvalidArgumentError("name", "this PACS is a backup; name its primary")
        return next(group for group in groups_of(configs) if group.primary == primary)

    async def _chosen(self, group: Group) -> ActivePacs | None:
        found = await self._failover.list_active(group.tenant_id)
        return next((entry for entry in found if entry.primary == group.primary), None)

    async def _record(
        self, group: Group, active: str, target: str, cause: TransitionCause, reason: str
    ) -> Transition | None:
        """None when somebody else was faster: then the active PACS is another one by now."""
        transition = Transition(self._clock.now(), group.tenant_id, group.primary, active, target, cause, reason)
        return transition if await self._failover.record_transition(transition) else None


def _next_backup(group: Group, active: str, down: set[str]) -> str:
    """The first backup that is not active and not down, else the first that is not active, else the only one."""
    others = [name for name in group.members[1:] if name != active]
    return next((name for name in others if name not in down), others[0] if others else active)
