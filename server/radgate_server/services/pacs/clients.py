"""The connected PACS of every tenant, made when first needed and kept until their configuration changes."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace

from radgate_server.core.access.ports.directory import PacsDirectory
from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.dicom.instances import Arrival, ListedInstance
from radgate_server.core.errors import (
    ConfigurationError,
    NoPacsConfiguredError,
    PacsUnreachableError,
    ResourceNotFoundError,
)
from radgate_server.core.pacs.connections import FailoverPolicy, PacsConfig
from radgate_server.core.pacs.failover import Group, groups_of
from radgate_server.core.pacs.ports import EchoReport, PacsClient, PacsFactory, make_client
from radgate_server.core.query.model import FindResult, Query
from radgate_server.services.pacs.arrival_check import ArrivalObserver, UnobservedArrivals, checked_pacs
from radgate_server.services.pacs.failover.group_client import group_client
from radgate_server.services.pacs.failover.tracker import FailoverTracker

_log = logging.getLogger(__name__)

_DEFECT = "the PACS can't be used because of a defect: see the log"
_CLOSE_WAIT_S = 2.0
"""A PACS that takes longer to release (a connection is being opened, say) continues closing, and nobody waits."""


@dataclass(frozen=True, slots=True)
class _Connected:
    """A PACS. `problem` says why its settings can't be used, "" when they can; it is retried at each look at them."""

    config: PacsConfig
    client: PacsClient
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _TenantPacs:
    """The PACS of a tenant, and what its users see of them: one client for each primary with its backups.

    `shared` are the same groups, as they are fetched from together with other servers.
    """

    connected: tuple[_Connected, ...] = ()
    groups: tuple[PacsClient, ...] = ()
    shared: tuple[PacsClient, ...] = ()


type Wrap = Callable[[PacsConfig, PacsClient], PacsClient]
"""Puts something around a PACS's client, such as its limits and circuit breakers."""


type Share = Callable[[str, PacsClient], PacsClient]
"""(tenant, group): puts something around a group's client, by which several servers fetch together."""


class PacsClients:
    """Hands out PACS by tenant. `factories` has one for each kind of connection; `wrap` goes around what they make.

    What any of them sends is checked first, and `observer` learns what is wrong with it.
    """

    def __init__(
        self,
        directory: PacsDirectory,
        factories: Mapping[str, PacsFactory],
        wrap: Wrap = lambda _, client: client,
        tracker: FailoverTracker | None = None,
        observer: ArrivalObserver | None = None,
    ) -> None:
        self._directory = directory
        self._factories = factories
        self._wrap = wrap
        self._tracker = tracker
        self._observer = observer or UnobservedArrivals()
        self._share: Share = lambda _, client: client
        self._tenants: dict[str, _TenantPacs] = {}
        self._lock = asyncio.Lock()
        self._generations: Counter[str] = Counter()  # by tenant
        self._closing: set[asyncio.Future[None]] = set()

    def share(self, share: Share) -> None:
        """Put `share` around each group; before the first is asked for."""
        self._share = share

    async def unshared(self, tenant_id: str, name: str) -> PacsClient | None:
        """The group of this name as this server alone reaches it, None when the tenant has none of it."""
        groups = (await self._known(tenant_id)).groups
        return next((client for client in groups if client.name == name), None)

    async def of_tenant(self, tenant_id: str) -> tuple[PacsClient, ...]:
        """The tenant's primaries in order of precedence, at least one; each stands for its backups too.

        Raises:
            NoPacsConfiguredError: there is none.
        """
        groups = (await self._known(tenant_id)).shared
        if not groups:
            raise NoPacsConfiguredError("the tenant has no PACS; an administrator can add one")
        return groups

    async def members(self, tenant_id: str) -> tuple[PacsClient, ...]:
        """All PACS of the tenant in order of precedence, backups too, each by itself; none is no failure."""
        return tuple(entry.client for entry in (await self._known(tenant_id)).connected)

    def connected(self) -> list[tuple[str, PacsClient]]:
        """All PACS that this process has met so far, each by itself, with its tenant."""
        return [(tenant_id, entry.client) for tenant_id, pacs in self._tenants.items() for entry in pacs.connected]

    async def named(self, tenant_id: str, name: str) -> PacsClient:
        """One PACS of the tenant, primary or backup, by itself.

        Raises:
            ResourceNotFoundError: it has none of that name.
        """
        await self.refresh(tenant_id)
        for client in await self.members(tenant_id):
            if client.name == name:
                return client
        raise ResourceNotFoundError("the tenant has no PACS of this name", kind="pacs")

    def generation(self, tenant_id: str) -> int:
        """How often the tenant's PACS became others since they were first read; a validation report changes nothing."""
        return self._generations[tenant_id]

    async def refresh(self, tenant_id: str) -> None:
        """Read the tenant's configuration again; what did not change stays connected, what is gone is closed."""
        async with self._lock:
            loaded = tenant_id in self._tenants
            known = self._tenants.get(tenant_id, _TenantPacs()).connected
            old = {_identity(entry.config): entry for entry in known if not entry.problem}
            reported = {entry.config.name: entry.problem for entry in known}
            configs = await self._directory.list_pacs(tenant_id)
            groups = groups_of(configs)
            if self._tracker is not None:
                await self._tracker.load(tenant_id, groups)
            connected = tuple(
                old.pop(identity) if (identity := _identity(config)) in old else self._connect(config, reported)
                for config in configs
            )
            grouped = self._group(groups, connected)
            shared = tuple(self._share(tenant_id, client) for client in grouped)
            self._tenants[tenant_id] = _TenantPacs(connected, grouped, shared)
            if loaded and _setup(known) != _setup(connected):
                self._generations[tenant_id] += 1
        await self._release(old.values())

    async def _known(self, tenant_id: str) -> _TenantPacs:
        if tenant_id not in self._tenants:
            await self.refresh(tenant_id)
        return self._tenants.get(tenant_id, _TenantPacs())

    def _group(self, groups: Sequence[Group], connected: Sequence[_Connected]) -> tuple[PacsClient, ...]:
        clients = {entry.client.name: entry.client for entry in connected}
        return tuple(
            clients[group.primary]
            if self._tracker is None or len(group.members) == 1
            else group_client(group, clients, self._tracker)
            for group in groups
        )

    def _connect(self, config: PacsConfig, reported: Mapping[str, str]) -> _Connected:
        """Make the client; a problem is logged unless it is the one that was `reported` of the PACS."""
        try:
            made = make_client(self._factories, config)
            return _Connected(config, self._wrap(config, checked_pacs(made, config.tenant_id, self._observer)))
        except ConfigurationError as error:  # the tenant's other PACS must not suffer for it
            problem, defect = error.message or _DEFECT, None
        except Exception as error:  # noqa: BLE001 - nor for a defect that its settings bring to light
            problem, defect = _DEFECT, error
        if reported.get(config.name) != problem:
            _log.error("a PACS can't be used: %s", problem, exc_info=defect, extra={"tenant": config.tenant_id})
        return _Connected(config, _unusable_pacs(config.name, problem), problem)

    async def _release(self, entries: Iterable[_Connected]) -> None:
        closing = [asyncio.ensure_future(entry.client.close()) for entry in entries]
        for future in closing:
            self._closing.add(future)
            future.add_done_callback(self._closed)
        if closing:
            await asyncio.wait(closing, timeout=_CLOSE_WAIT_S)

    def _closed(self, future: asyncio.Future[None]) -> None:
        self._closing.discard(future)
        if not future.cancelled() and (defect := future.exception()):
            _log.error("a PACS was not closed properly", exc_info=defect)

    async def close(self) -> None:
        """Close every connection."""
        async with self._lock:
            tenants, self._tenants = self._tenants, {}
        await self._release(entry for tenant in tenants.values() for entry in tenant.connected)
        if self._closing:
            await asyncio.wait(self._closing)


def _setup(connected: Iterable[_Connected]) -> list[tuple[PacsConfig, bool]]:
    """What answers depend on, in order of precedence."""
    return [(entry.config, not entry.problem) for entry in connected]


def _identity(config: PacsConfig) -> PacsConfig:
    """What makes a connection another one; who is whose backup does not."""
    return replace(config, backup_for="", failover=FailoverPolicy())


def _unusable_pacs(name: str, reason: str) -> PacsClient:
    """Make a client that raises PacsUnreachableError with `reason` whatever it is asked."""
    roles = _Unusable(name, reason)
    return PacsClient(name=name, echo=roles, query=roles, reader=roles, store=None, close=roles.close)


class _Unusable:
    """PacsEcho, PacsQuery and PacsReader of a PACS whose settings can't be used: as one that is out of reach."""

    def __init__(self, name: str, reason: str) -> None:
        self._name = name
        self._reason = reason

    async def echo(self) -> EchoReport:
        raise self._error()

    async def find(self, query: Query, *, max_results: int) -> FindResult:
        raise self._error()

    def retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AbstractAsyncContextManager[AsyncIterator[Arrival]]:
        raise self._error()

    async def close(self) -> None:
        """Nothing is open."""

    def _error(self) -> PacsUnreachableError:
        return PacsUnreachableError(f"the settings of the PACS can't be used: {self._reason}", pacs=self._name)
