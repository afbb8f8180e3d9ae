"""Which PACS of each group is active, as this process sees it, and the switch-over when the policy wants one."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from radgate_server.core.access.ports.directory import FailoverDirectory
from radgate_server.core.errors import GatewayError, PacsError, ResourceNotFoundError, reason_of
from radgate_server.core.pacs.failover import (
    SIGN_OF_LIFE,
    UNAVAILABLE,
    UNKNOWN_HEALTH,
    ActivePacs,
    Group,
    MemberHealth,
    Switch,
    Transition,
    TransitionCause,
    active_of,
    decide,
    preference_order,
    store_target,
)
from radgate_server.core.pacs.health import Health
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.lib.clock import Clock
from radgate_server.services.pacs.failover.call_timeouts import CallTimeouts

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Tracked:
    """One group. `switching` is set while a switch-over is being recorded."""

    group: Group
    chosen: ActivePacs | None = None
    health: dict[str, MemberHealth] = field(default_factory=dict)
    last_reason: str = ""
    switching: bool = False


class FailoverTracker:
    """Knows the active PACS of each group, learns from probes and calls, and records transitions.

    What another process changes arrives by `refresh`. `call_timeouts` bounds what is awaited of the PACS.
    """

    def __init__(self, directory: FailoverDirectory, clock: Clock, telemetry: Telemetry) -> None:
        self._directory = directory
        self._clock = clock
        self._telemetry = telemetry
        self._groups: dict[tuple[str, str], _Tracked] = {}
        self._primaries: dict[tuple[str, str], str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock = asyncio.Lock()  # the directory's answer is applied before the next one
        self.call_timeouts = CallTimeouts(self.given_up)

    async def load(self, tenant_id: str, groups: Sequence[Group]) -> None:
        """Take over a tenant's groups as they are configured; what is known of PACS that stay is kept.

        Raises:
            DatabaseUnavailableError: the directory can't be read.
        """
        async with self._lock:
            chosen = await self._read(tenant_id)
            old = {place: self._groups.pop(place) for place in list(self._groups) if place[0] == tenant_id}
            self._primaries = {place: primary for place, primary in self._primaries.items() if place[0] != tenant_id}
            for group in groups:
                place = (tenant_id, group.primary)
                tracked = old.get(place) or _Tracked(group, chosen.get(group.primary))
                tracked.group = group
                tracked.health = {name: known for name, known in tracked.health.items() if name in group.members}
                self._groups[place] = tracked
                self._primaries |= {(tenant_id, name): group.primary for name in group.members}
            await self._compare(tenant_id, chosen)

    async def refresh(self, tenant_id: str) -> None:
        """Learn what another process switched over. Raises DatabaseUnavailableError."""
        async with self._lock:
            await self._compare(tenant_id, await self._read(tenant_id))

    def active(self, tenant_id: str, primary: str) -> str:
        """The PACS that does the work of the group."""
        tracked = self._groups.get((tenant_id, primary))
        return primary if tracked is None else active_of(tracked.group, tracked.chosen)

    def is_active(self, tenant_id: str, name: str) -> bool:
        """Whether the PACS is the one of its group that is asked."""
        return self.active(tenant_id, self._primaries.get((tenant_id, name), name)) == name

    def on_backup(self, tenant_id: str, name: str) -> bool:
        """Whether the PACS is a primary whose work another one does."""
        return (tenant_id, name) in self._groups and self.active(tenant_id, name) != name

    def health(self, tenant_id: str, name: str) -> MemberHealth:
        """What is known of a PACS."""
        tracked = self._tracked(tenant_id, name)
        return UNKNOWN_HEALTH if tracked is None else tracked.health.get(name, UNKNOWN_HEALTH)

    def may_leave(self, tenant_id: str, name: str) -> bool:
        """Whether the PACS is active and the policy would have another one take over, if it fails often enough."""
        tracked = self._tracked(tenant_id, name)
        if tracked is None or len(tracked.group.members) == 1:
            return False
        return tracked.group.policy.enabled and active_of(tracked.group, tracked.chosen) == name

    def given_up(self, tenant_id: str, name: str) -> bool:
        """Whether the PACS is known to be down and another one of its group does the work."""
        return self.health(tenant_id, name).health is Health.DOWN and not self.is_active(tenant_id, name)

    def preference_order(self, tenant_id: str, primary: str) -> tuple[str, ...]:
        """Whom of the group to ask one after the other until one answers."""
        tracked = self._groups.get((tenant_id, primary))
        return (primary,) if tracked is None else preference_order(tracked.group, tracked.chosen, tracked.health)

    def store_target(self, tenant_id: str, primary: str) -> str:
        """Where new instances of the group go."""
        tracked = self._groups.get((tenant_id, primary))
        return primary if tracked is None else store_target(tracked.group, tracked.chosen)

    def observe(self, tenant_id: str, name: str, operation: str, error: PacsError | None) -> None:
        """A PACS was asked ("echo", "find", "retrieve", "store"), and answered or failed."""
        tracked = self._tracked(tenant_id, name)
        if tracked is None or (error is not None and not isinstance(error, UNAVAILABLE)):
            return  # any other failure says nothing of whether the PACS can be worked with
        active = active_of(tracked.group, tracked.chosen) == name
        known = tracked.health.get(name, UNKNOWN_HEALTH)
        tracked.health[name] = known.after(
            operation if active else SIGN_OF_LIFE, answered=error is None, now_s=self._clock.monotonic_s()
        )
        if error is not None:
            self._failed(tracked, name, error, active=active)
        self._follow_policy(tracked)

    async def settle(self) -> None:
        """Wait until every switch-over that was decided is recorded."""
        while tasks := set(self._tasks):
            await asyncio.gather(*tasks, return_exceptions=True)
            self._tasks -= tasks

    async def close(self) -> None:
        """Finish what is being recorded."""
        await self.settle()

    def _tracked(self, tenant_id: str, name: str) -> _Tracked | None:
        primary = self._primaries.get((tenant_id, name))
        return None if primary is None else self._groups.get((tenant_id, primary))

    def _failed(self, tracked: _Tracked, name: str, error: PacsError, *, active: bool) -> None:
        if active:
            tracked.last_reason = reason_of(error)
        else:
            self.call_timeouts.give_up(tracked.group.tenant_id, name)

    def _follow_policy(self, tracked: _Tracked) -> None:
        if tracked.switching:
            return
        switch = decide(tracked.group, tracked.chosen, tracked.health, self._clock.monotonic_s())
        if switch is not None:
            tracked.switching = True
            task = asyncio.create_task(self._switch(tracked, switch), name="failover")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _switch(self, tracked: _Tracked, switch: Switch) -> None:
        group = tracked.group
        left = active_of(group, tracked.chosen)
        failed = tracked.health.get(left, UNKNOWN_HEALTH).health is Health.DOWN
        reason = tracked.last_reason if failed else ""
        transition = Transition(
            self._clock.now(), group.tenant_id, group.primary, left, switch.to_pacs, switch.cause, reason
        )
        try:
            async with self._lock:
                if await self._directory.record_transition(transition):
                    self._apply(tracked, transition)
                else:
                    await self._compare(group.tenant_id, await self._read(group.tenant_id))
        except ResourceNotFoundError:
            _log.info("a PACS was removed before it could take over", extra={"tenant": group.tenant_id})
        except GatewayError as error:  # the next probe or call decides again
            _log.error("a failover can't be recorded: %s", error.message, extra={"tenant": group.tenant_id})
        finally:
            tracked.switching = False

    async def _read(self, tenant_id: str) -> dict[str, ActivePacs]:
        return {active.primary: active for active in await self._directory.list_active(tenant_id)}

    async def _compare(self, tenant_id: str, chosen: dict[str, ActivePacs]) -> None:
        for (owner, primary), tracked in list(self._groups.items()):
            if owner == tenant_id and chosen.get(primary) != tracked.chosen:
                await self._adopt(tracked, chosen.get(primary))

    async def _adopt(self, tracked: _Tracked, chosen: ActivePacs | None) -> None:
        """Follow what another process chose; without a row the primary is active, since the active one was deleted."""
        group = tracked.group
        before = active_of(group, tracked.chosen)
        tracked.chosen = chosen
        if active_of(group, chosen) != before:
            history = await self._directory.list_transitions(group.tenant_id, group.primary, 1)
            if history and chosen is not None:
                self._apply(tracked, history[0])

    def _apply(self, tracked: _Tracked, transition: Transition) -> None:
        group, left = tracked.group, transition.from_pacs
        by_hand = transition.cause is TransitionCause.MANUAL_FAILOVER
        tracked.chosen = ActivePacs(
            group.tenant_id, group.primary, transition.to_pacs, transition.time, by_hand=by_hand
        )
        if left != transition.to_pacs:
            tracked.health[left] = tracked.health.get(left, UNKNOWN_HEALTH).after_leaving()
        self._telemetry.failover(group.tenant_id, group.primary, transition.cause.value)
        event = {
            "tenant": group.tenant_id,
            "primary": group.primary,
            "from_pacs": left,
            "to_pacs": transition.to_pacs,
            "cause": transition.cause.value,
            "reason": transition.reason,
        }
        _log.warning("another PACS of a group is active", extra=event)
        if self.given_up(group.tenant_id, left):
            self.call_timeouts.give_up(group.tenant_id, left)
