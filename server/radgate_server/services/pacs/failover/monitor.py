"""Makes health checks of every PACS, and publishes how they are doing: the tracker, the guard, the status board."""

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from radgate_server.core.access.ports.directory import StatusBoard, TenantDirectory
from radgate_server.core.errors import DatabaseUnavailableError, PacsError, reason_of
from radgate_server.core.pacs.failover import SIGN_OF_LIFE
from radgate_server.core.pacs.health import BreakerState, Health, Liveness, OperationState, PacsStatus
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.lib.clock import Clock
from radgate_server.services.pacs.failover.probing import Finding, Prober
from radgate_server.services.pacs.failover.tracker import FailoverTracker
from radgate_server.services.repeating import Repeating, Sleep
from radgate_server.settings.pacs import PacsSettings

_log = logging.getLogger(__name__)

LOOK_S = 0.5
"""Time between two looks at what is due."""

AGAIN_S = 2.0
"""A PACS that did not answer is asked again after this (or the interval, if shorter) as long as the tracker counts."""

SPREAD_S = 1.0
"""The first probes are spread over this time."""

PROBES_AT_ONCE = 64
PROBES_OF_A_TENANT = 16
"""At once, so that one whose PACS all fall silent does not keep the others' from being looked after."""

PUBLISH_INTERVALS = 3
"""After so many intervals a status is published again though nothing changed, so that its time shows it is alive."""

type _Place = tuple[str, str]


class Members(Protocol):
    """The PACS of a tenant, each by itself."""

    async def members(self, tenant_id: str) -> Sequence[PacsClient]:
        """All PACS of the tenant, primaries and backups; none is no failure."""
        ...


class Guard(Protocol):
    """The limits and circuit breakers around the PACS."""

    def states(self, tenant_id: str, name: str) -> tuple[OperationState, ...]:
        """How the operations at a PACS are doing."""
        ...

    def liveness(self, tenant_id: str, name: str) -> Liveness:
        """What those at work at a PACS hear of it."""
        ...

    def note_recovery(self, tenant_id: str, name: str) -> None:
        """A PACS answers again."""
        ...


@dataclass(slots=True)
class _Watched:
    """One PACS: what its last probe said, when the next one is due, and what was published last and when.

    `vouched`: since breakers opened, the guard was notified that the PACS is well.
    """

    client: PacsClient
    due_s: float
    health: Health = Health.UNKNOWN
    latency_ms: float = 0.0
    reason: str = ""
    probing: bool = False
    vouched: bool = False
    published: PacsStatus | None = None
    published_s: float = 0.0


class HealthListeners(NamedTuple):
    """Who is notified of what health checks find: what fails over, what limits calls, and where it is published."""

    tracker: FailoverTracker
    guard: Guard
    board: StatusBoard


class PacsHealthMonitor(Repeating):
    """Probes each PACS of all tenants every `probe_interval_s` seconds, jittered; sooner while one fails.

    Breakers that open between two probes bring the next one forward: a PACS that is back is asked again within
    `AGAIN_S`, and not when the time of its breakers is up.

    `uniform` is random.uniform, `sleep` asyncio.sleep, or what a test puts in their place.
    """

    def __init__(
        self,
        tenants: TenantDirectory,
        members: Members,
        listeners: HealthListeners,
        settings: PacsSettings,
        clock: Clock,
        telemetry: Telemetry,
        *,
        uniform: Callable[[float, float], float] = random.uniform,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        super().__init__("pacs-health", interval_s=LOOK_S, trouble="PACS can't be watched", sleep=sleep)
        self._tenants = tenants
        self._members = members
        self._tracker, self._guard, self._board = listeners
        self._settings = settings
        self._prober = Prober(self._guard.liveness, settings.probe_timeout_s, clock)
        self._clock = clock
        self._telemetry = telemetry
        self._uniform = uniform
        self._watched: dict[_Place, _Watched] = {}
        self._turns = asyncio.Semaphore(PROBES_AT_ONCE)
        self._turns_of = defaultdict[str, asyncio.Semaphore](lambda: asyncio.Semaphore(PROBES_OF_A_TENANT))
        self._probes: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Watch no more; probes in progress are cancelled."""
        await super().close()
        tasks = list(self._probes)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def look(self) -> list[asyncio.Task[None]]:
        """Begin the probes that are due, and publish what earlier ones found; returns the probes.

        Raises:
            DatabaseUnavailableError: the tenants can't be read, or nothing published.
        """
        await self._take_stock()
        now_s = self._clock.monotonic_s()
        due = [place for place, watched in self._watched.items() if self._is_due(place, watched, now_s)]
        begun = [self._begin(place) for place in due]
        await self._publish(now_s)
        return begun

    def _is_due(self, place: _Place, watched: _Watched, now_s: float) -> bool:
        if watched.probing:
            return False
        if watched.due_s > now_s + AGAIN_S and not watched.vouched and self._has_open_breakers(place):
            watched.due_s = now_s + min(self._settings.probe_interval_s, AGAIN_S)
        return watched.due_s <= now_s

    async def _take_stock(self) -> None:
        """Know every PACS that is configured now. One that is new is probed soon, but not all at the same moment."""
        watched: dict[_Place, _Watched] = {}
        for tenant in await self._tenants.list_tenants():
            try:
                members = await self._members.members(tenant.tenant_id)
            except DatabaseUnavailableError:
                raise
            except Exception:  # noqa: BLE001 - what is wrong with one tenant's PACS must not hide the others'
                _log.exception("the PACS of a tenant can't be watched", extra={"tenant": tenant.tenant_id})
                continue
            for client in members:
                place = (tenant.tenant_id, client.name)
                watched[place] = self._know(place, client)
        for place in self._watched.keys() - watched.keys():
            self._telemetry.pacs_forgotten(*place)
        self._watched = watched

    def _know(self, place: _Place, client: PacsClient) -> _Watched:
        known = self._watched.get(place)
        if known is not None and known.client is client:
            return known
        spread_s = min(self._settings.probe_interval_s, SPREAD_S)
        return _Watched(client, self._clock.monotonic_s() + self._uniform(0, spread_s))

    def _begin(self, place: _Place) -> asyncio.Task[None]:
        self._watched[place].probing = True
        task = asyncio.create_task(self._probe(place, self._watched[place]), name="pacs-probe")
        self._probes.add(task)
        task.add_done_callback(self._probes.discard)
        return task

    async def _probe(self, place: _Place, watched: _Watched) -> None:
        try:
            async with self._turns_of[place[0]], self._turns:
                finding = await self._prober.probe(place[0], watched.client)
            if finding.health is not Health.UNKNOWN:
                self._judge(place, watched, finding)
        finally:
            watched.probing = False
            watched.due_s = self._clock.monotonic_s() + self._pause_s(place, watched)

    def _judge(self, place: _Place, watched: _Watched, finding: Finding) -> None:
        before = watched.health
        watched.health = finding.health
        watched.reason = "" if finding.error is None else reason_of(finding.error)
        if finding.latency_ms is not None:
            watched.latency_ms = finding.latency_ms
        self._telemetry.pacs_health(*place, finding.health is Health.UP, watched.reason)
        self._telemetry.pacs_on_backup(*place, self._tracker.on_backup(*place))
        if watched.health is not before:
            self._report(place, watched, before, finding.error)
        self._confirm_alive(place, watched)
        self._tracker.observe(*place, SIGN_OF_LIFE, finding.error)

    def _confirm_alive(self, place: _Place, watched: _Watched) -> None:
        """Notify the guard of the first health check since breakers opened; of later ones not, lest each try again."""
        open_breakers = self._has_open_breakers(place)
        if watched.health is Health.UP and open_breakers and not watched.vouched:
            self._guard.note_recovery(*place)
        watched.vouched = watched.health is Health.UP and open_breakers

    def _has_open_breakers(self, place: _Place) -> bool:
        return any(state.breaker is not BreakerState.CLOSED for state in self._guard.states(*place))

    def _report(self, place: _Place, watched: _Watched, before: Health, error: PacsError | None) -> None:
        where = {"tenant": place[0], "pacs": place[1], "reason": watched.reason}
        if watched.health is Health.DOWN:
            _log.warning("PACS %s is down: %s", place[1], error.message if error else "no answer", extra=where)
        elif before is Health.DOWN:
            _log.warning("PACS %s is up again", place[1], extra=where)

    def _pause_s(self, place: _Place, watched: _Watched) -> float:
        """The interval, give or take a tenth; short while a failover may be due or breakers wait for a sign."""
        interval_s = self._settings.probe_interval_s
        failover_due = watched.health is Health.DOWN and self._tracker.may_leave(*place)
        if failover_due or (self._has_open_breakers(place) and not watched.vouched):
            interval_s = min(interval_s, AGAIN_S)
        return interval_s * self._uniform(0.9, 1.1)

    async def _publish(self, now_s: float) -> None:
        news: list[tuple[_Watched, PacsStatus]] = []
        for place, watched in self._watched.items():
            if watched.health is Health.UNKNOWN:
                continue  # another server may know more
            status = self._status(place, watched)
            old_s = now_s - watched.published_s
            if watched.published is None or _differ(status, watched.published) or old_s >= self._renew_s:
                news.append((watched, status))
        if news:
            await self._board.publish([status for _, status in news])
        for watched, status in news:
            watched.published, watched.published_s = status, now_s

    @property
    def _renew_s(self) -> float:
        return PUBLISH_INTERVALS * self._settings.probe_interval_s

    def _status(self, place: _Place, watched: _Watched) -> PacsStatus:
        return PacsStatus(
            *place,
            self._clock.now(),
            watched.health,
            watched.latency_ms,
            watched.reason,
            active=self._tracker.is_active(*place),
            operations=self._guard.states(*place),
        )


def _differ(one: PacsStatus, other: PacsStatus) -> bool:
    """Whether anybody need know: latency and counts alone change all the time."""
    return _essence(one) != _essence(other)


def _essence(status: PacsStatus) -> tuple[object, ...]:
    breakers = tuple((state.operation, state.breaker) for state in status.operations)
    return status.health, status.reason, status.active, breakers
