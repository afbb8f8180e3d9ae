"""A primary and its backups as one PACS: each call goes to the active one, and on to the next when that fails.

The switch-over itself waits for the policy's threshold; a call never does. Only storing stays with one PACS.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace

from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import Arrival, FailedInstance, ListedInstance, ReceivedInstance
from radgate_server.core.errors import PacsCannotError, PacsError
from radgate_server.core.pacs.failover import Group
from radgate_server.core.pacs.ports import EchoReport, PacsClient, StoreOutcome
from radgate_server.core.query.model import FindResult, Query
from radgate_server.services.pacs.failover.tracker import FailoverTracker
from radgate_server.services.pacs.fetch_scopes import plan_scopes
from radgate_server.services.pacs.resilience.operations import Operation


def group_client(group: Group, members: Mapping[str, PacsClient], tracker: FailoverTracker) -> PacsClient:
    """One client, named after the primary, for the whole group. Closing it closes nothing: the members live on.

    It describes itself as the primary does, and follows the primary's changes: another PACS numbers its own.
    """
    roles = _GroupRoles(group, members, tracker)
    primary = members[group.primary]
    return PacsClient(
        name=group.primary,
        echo=roles,
        query=roles,
        reader=roles,
        store=roles if primary.store is not None else None,
        close=roles.close,
        describer=primary.describer,
        changes=primary.changes,
        hierarchical=any(members[name].hierarchical for name in group.members),
        arrives_elsewhere=any(members[name].arrives_elsewhere for name in group.members),
    )


class _GroupRoles:
    """PacsEcho, PacsQuery, PacsReader and PacsStore of a group."""

    def __init__(self, group: Group, members: Mapping[str, PacsClient], tracker: FailoverTracker) -> None:
        self._tenant_id = group.tenant_id
        self._primary = group.primary
        self._members = members
        self._tracker = tracker

    async def echo(self) -> EchoReport:
        return await self._first_answer(Operation.ECHO, lambda client: client.echo.echo())

    async def find(self, query: Query, *, max_results: int) -> FindResult:
        async def ask(client: PacsClient) -> FindResult:
            return replace(await client.query.find(query, max_results=max_results), member=client.name)

        return await self._first_answer(Operation.FIND, ask)

    async def store(self, instance: ReceivedInstance) -> StoreOutcome:
        client = self._members[self._tracker.store_target(self._tenant_id, self._primary)]
        store = client.store
        if store is None:
            raise PacsCannotError("the PACS that is active now takes no instances", pacs=client.name)
        return await self._watched(Operation.STORE, client, store.store(instance))

    @asynccontextmanager
    async def retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AsyncIterator[AsyncIterator[Arrival]]:
        async with aclosing(self._arrivals(scope, listed)) as arrivals:
            yield arrivals

    async def close(self) -> None:
        """Nothing of its own is open."""

    def _in_order(self) -> list[PacsClient]:
        order = self._tracker.preference_order(self._tenant_id, self._primary)
        return [self._members[name] for name in order if name in self._members]

    async def _first_answer[T](self, operation: Operation, ask: Callable[[PacsClient], Awaitable[T]]) -> T:
        failures: list[PacsError] = []
        for client in self._in_order():
            try:
                return await self._watched(operation, client, ask(client))
            except PacsError as error:
                failures.append(error)
        raise failures[0]

    async def _watched[T](self, operation: Operation, client: PacsClient, answer: Awaitable[T]) -> T:
        """Await what a member answers, and let the tracker know how that ended."""
        result = await self._patiently(operation, client, answer)
        self._tracker.observe(self._tenant_id, client.name, operation, None)
        return result

    async def _patiently[T](self, operation: Operation, client: PacsClient, answer: Awaitable[T]) -> T:
        try:
            async with self._tracker.call_timeouts.awaiting(self._tenant_id, client.name):
                return await answer
        except PacsError as error:
            self._tracker.observe(self._tenant_id, client.name, operation, error)
            raise

    async def _arrivals(self, scope: RetrieveScope, listed: Sequence[ListedInstance]) -> AsyncGenerator[Arrival]:
        """What the active PACS sends, then from the others what is still missing: each instance once.

        A failure of one instance is reported when no other PACS could send it. One of the whole is raised at the end
        if anything is missing then.
        """
        progress, broken, clients = _Progress(listed), list[PacsError](), self._in_order()
        for client in clients:
            missing = progress.missing()
            scopes = plan_scopes(scope, listed, missing)
            try:
                async with aclosing(self._send(client, scopes, missing)) as sent:
                    async for arrival in sent:
                        if progress.takes(arrival):
                            yield arrival
            except PacsError as error:
                broken.append(error)
                if progress.has_all():
                    return
            else:
                if not progress.missing():
                    return
        for failure in progress.final_failures():
            yield failure
        if broken and (progress.missing() or len(broken) == len(clients)):
            raise broken[0]

    async def _send(
        self, client: PacsClient, scopes: Sequence[RetrieveScope], wanted: Sequence[ListedInstance]
    ) -> AsyncGenerator[Arrival]:
        for scope in scopes:
            part = [entry for entry in wanted if scope.contains(entry.ref)]
            async with AsyncExitStack() as stack:
                arrivals = await self._patiently(Operation.RETRIEVE, client, _open(stack, client, scope, part))
                while arrival := await self._patiently(Operation.RETRIEVE, client, anext(arrivals, None)):
                    yield arrival
            self._tracker.observe(self._tenant_id, client.name, Operation.RETRIEVE, None)


class _Progress:
    """What of the listed instances has come from whichever member, and what was said of the others."""

    def __init__(self, listed: Sequence[ListedInstance]) -> None:
        self._listed = listed
        self._delivered: set[InstanceRef] = set()
        self._failed: dict[InstanceRef, FailedInstance] = {}

    def takes(self, arrival: Arrival) -> bool:
        """Whether it is to be delivered now: it came, for the first time. Failures are held back."""
        if isinstance(arrival, FailedInstance):
            self._failed.setdefault(arrival.ref, arrival)
            return False
        fresh = arrival.ref not in self._delivered
        self._delivered.add(arrival.ref)
        return fresh

    def missing(self) -> list[ListedInstance]:
        """What is listed and neither came nor was reported at the end to have failed."""
        return [entry for entry in self._listed if entry.ref not in self._delivered]

    def has_all(self) -> bool:
        """Whether there was something to expect, and all of it came."""
        return bool(self._listed) and not self.missing()

    def final_failures(self) -> list[FailedInstance]:
        """The failures of what never came; from now on they are not missing, but known to have failed."""
        final = [failure for ref, failure in self._failed.items() if ref not in self._delivered]
        self._delivered |= self._failed.keys()
        return final


async def _open(
    stack: AsyncExitStack, client: PacsClient, scope: RetrieveScope, part: Sequence[ListedInstance]
) -> AsyncIterator[Arrival]:
    return await stack.enter_async_context(client.reader.retrieve(scope, part))
