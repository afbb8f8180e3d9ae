"""Retrieve: from the cache tiers what is there, from the PACS what is not, each instance once."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence, Set
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, replace

from radgate_server.core.cache.ports.tiers import InstanceStore
from radgate_server.core.dicom.dataset.file_meta import patient_of
from radgate_server.core.dicom.family_name import family_name_in
from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import FailedInstance, InstanceHandle, ListedInstance
from radgate_server.core.errors import GatewayError, InstanceNotSentError
from radgate_server.services.pacs.fetch_scopes import instance_scope, plan_scopes
from radgate_server.services.query.known_studies import StudyLearning
from radgate_server.services.retrieve.fetch import Arrived, Fetch, FetchLimits, FetchReader
from radgate_server.services.retrieve.listing import Listing, ListingPart, StudyLister
from radgate_server.services.retrieve.steady_instance import SteadyInstance
from radgate_server.services.retrieve.study_doubts import RefusedInstances, StudyDoubts

_log = logging.getLogger(__name__)

_ATTEMPTS = 3
_HEAD_BYTES = 64 * 1024
"""The patient stands in the first few hundred bytes, unless there is an icon or a long history before it."""

type Delivery = InstanceHandle | FailedInstance
type LeaveOut = Callable[[Sequence[ListedInstance]], Set[InstanceRef]]
"""Reports which of the listed instances the client has already."""


def size_ahead(delivery: Delivery) -> int:
    """Bytes that a delivery holds when it is kept ready for whoever sends it."""
    return 0 if isinstance(delivery, FailedInstance) else delivery.size_bytes


type Prepare = Callable[[str, str], Awaitable[None]]
"""(tenant, Study Instance UID): what has to be done before anything of the study is fetched."""


type Listed = Callable[[str, str, Mapping[str, str]], Awaitable[bool]]
"""(tenant, Study Instance UID, members of failover groups that listed it, by group): whether to list it again."""


async def _take_any_listing(_tenant_id: str, _study_instance_uid: str, _members: Mapping[str, str]) -> bool:
    """Listed of a service that confirms nothing."""
    return False


async def _prepare_nothing(_tenant_id: str, _study_instance_uid: str) -> None:
    """Prepare of a service that confirms nothing."""


def nothing(_listed: Sequence[ListedInstance]) -> Set[InstanceRef]:
    """LeaveOut of a client that begins again."""
    return frozenset()


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where each listed instance comes from: already cached, or by a fetch."""

    near: tuple[InstanceRef, ...]
    readers: tuple[FetchReader, ...]


class Retrieval:
    """The instances of one retrieve, in the order in which they become available; every listed one comes once.

    As long as nothing could be delivered, failures are held back: if nothing at all can be, the first is raised, so
    that an outage never looks like a study of which all instances happen to be missing. `resumed` says that something
    came before. `near` are those that were there when it was opened, and come first. `refused` are those of which it is
    known that the PACS sends something else, or nothing that can be read; they fail.
    """

    def __init__(
        self,
        listing: Listing,
        plan: _Plan,
        retrieve: "RetrieveService",
        tenant_id: str,
        learning: StudyLearning,
        *,
        resumed: bool,
        refused: Sequence[FailedInstance] = (),
    ) -> None:
        self.listed = listing.listed
        self.unanswered = listing.unanswered
        self.near = plan.near
        self.refused = tuple(refused)
        self._plan = plan
        self._retrieve = retrieve
        self._tenant_id = tenant_id
        self._learning = learning
        self._resumed = resumed

    async def __aiter__(self) -> AsyncGenerator[Delivery]:
        """Yield a handle for each instance that came, a FailedInstance for each that did not."""
        held_back: list[FailedInstance] = []
        delivered = self._resumed
        async with aclosing(self._deliveries()) as deliveries:
            async for delivery in deliveries:
                if isinstance(delivery, FailedInstance) and not delivered:
                    held_back.append(delivery)
                    continue
                delivered = True
                yield delivery
        if held_back and not delivered:
            raise held_back[0].error
        for failure in held_back:
            yield failure

    async def _deliveries(self) -> AsyncGenerator[Delivery]:
        # Handles are looked up one by one when their turn comes: holding all of a study's would hold their memory.
        for ref in self._plan.near:
            yield await self._deliver(ref)
        for failure in self.refused:
            yield failure
        for reader in self._plan.readers:
            async with aclosing(reader.arrivals()) as arrivals:
                async for arrived in arrivals:
                    if arrived.failure is not None:
                        self._retrieve.learn_failure(self._tenant_id, arrived.failure)
                    yield arrived.failure or await self._arrive(arrived.in_memory) or await self._deliver(arrived.ref)

    async def _arrive(self, handle: InstanceHandle | None) -> InstanceHandle | None:
        if handle is not None:
            await self._retrieve.learn(self._learning, self._tenant_id, handle)
        return handle

    async def _deliver(self, ref: InstanceRef) -> Delivery:
        try:
            return await self._retrieve.instance(self._tenant_id, ref)
        except GatewayError as error:
            return FailedInstance(ref, error)


class RetrieveService:
    """Opens retrievals, and shares fetches between them."""

    def __init__(
        self,
        lister: StudyLister,
        store: InstanceStore,
        limits: FetchLimits,
        doubts: StudyDoubts,
        refused: RefusedInstances,
    ) -> None:
        self._lister = lister
        self._studies = doubts.studies
        self._doubts = doubts
        self._refused = refused
        self._store = store
        self._limits = limits
        self._prepare: Prepare = _prepare_nothing
        self._listed: Listed = _take_any_listing
        self._fetches: dict[tuple[str, str], list[Fetch]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def before_fetching(self, prepare: Prepare, listed: Listed = _take_any_listing) -> None:
        """Await `prepare` before each list of instances is asked for, `listed` after it, and so before each fetch."""
        self._prepare, self._listed = prepare, listed

    @asynccontextmanager
    async def open(
        self, tenant_id: str, scope: RetrieveScope, leave_out: LeaveOut = nothing
    ) -> AsyncIterator[Retrieval]:
        """List the scope's instances and begin to fetch them. Leaving gives up what nobody else wants.

        What `leave_out` says the client has is neither looked up nor waited for; what it raises passes through.

        Raises:
            ObjectNotFoundError: no PACS of the tenant has the scope, or all of it is hidden.
            PacsError: it can't be determined, because a PACS failed.
        """
        with self._studies.learning() as learning:
            async with self._open(tenant_id, scope, leave_out, learning) as retrieval:
                yield retrieval

    @asynccontextmanager
    async def _open(
        self, tenant_id: str, scope: RetrieveScope, leave_out: LeaveOut, learning: StudyLearning
    ) -> AsyncIterator[Retrieval]:
        listing = await self._list(tenant_id, scope, self._lister.shown, learning)
        left_out = leave_out(listing.listed)
        wanted = [entry.ref for entry in listing.listed if entry.ref not in left_out]
        near = await self._cached(tenant_id, wanted)
        refused = {ref: why for ref in wanted if ref not in near and (why := self._refused.of(tenant_id, ref))}
        plan = self._plan(tenant_id, scope, listing, [ref for ref in wanted if ref not in refused], near)
        try:
            yield Retrieval(
                listing, plan, self, tenant_id, learning, resumed=bool(left_out), refused=tuple(refused.values())
            )
        finally:
            for reader in plan.readers:
                reader.leave()

    @asynccontextmanager
    async def open_part(self, tenant_id: str, scope: RetrieveScope, part: ListingPart) -> AsyncIterator[Retrieval]:
        """Begin to fetch what somebody else has listed at one PACS. Leaving gives up what nobody else wants."""
        with self._studies.learning() as learning:
            wanted = [entry.ref for entry in part.listed]
            near = await self._cached(tenant_id, wanted)
            listing = Listing((part,))
            plan = self._plan(tenant_id, scope, listing, wanted, near)
            try:
                yield Retrieval(listing, plan, self, tenant_id, learning, resumed=True)
            finally:
                for reader in plan.readers:
                    reader.leave()

    async def instance(self, tenant_id: str, ref: InstanceRef) -> InstanceHandle:
        """One instance, from the nearest place that has it.

        Raises:
            ObjectNotFoundError: no PACS of the tenant has it.
            GatewayError: it could not be fetched.
        """
        with self._studies.learning() as learning:
            handle = await self._obtain(tenant_id, ref, learning)
            await self.learn(learning, tenant_id, handle)
        return SteadyInstance(handle, lambda: self._obtain_again(tenant_id, ref))

    async def learn(self, learning: StudyLearning, tenant_id: str, handle: InstanceHandle) -> None:
        """Let the audit trail know whose study this is, unless it is known; what can't be read reports nothing."""
        study = handle.ref.study_instance_uid
        if not self._studies.of_study(tenant_id, study).is_patient_known:
            with suppress(GatewayError):
                head = await handle.read(0, min(handle.size_bytes, _HEAD_BYTES))
                reported = patient_of(head)
                family_name = family_name_in(reported.patient_name.split("="))
                learning.learn_patient(tenant_id, study, reported.patient_id, family_name, reported.modality)

    def learn_failure(self, tenant_id: str, failure: FailedInstance) -> None:
        """Ask the PACS no more for now for what it sends in a form that can't be taken."""
        self._refused.learn(tenant_id, failure)

    def warning_of(self, tenant_id: str, study_instance_uid: str) -> str:
        """What has to be said with the study's instances, "" for nothing."""
        return self._doubts.warning_of(tenant_id, study_instance_uid)

    async def close(self) -> None:
        """Give up all fetches."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _list(
        self,
        tenant_id: str,
        scope: RetrieveScope,
        ask: Callable[[str, RetrieveScope], Awaitable[Listing]],
        learning: StudyLearning,
    ) -> Listing:
        await self._prepare(tenant_id, scope.study_instance_uid)
        learning.restart()
        listing = await ask(tenant_id, scope)
        members = {part.client.name: part.member for part in listing.parts if part.member}
        if members and await self._listed(tenant_id, scope.study_instance_uid, members):
            learning.restart()
            listing = await ask(tenant_id, scope)
        learning.learn_pacs(tenant_id, scope.study_instance_uid, (part.client.name for part in listing.parts))
        return listing

    async def _cached(self, tenant_id: str, wanted: Sequence[InstanceRef]) -> set[InstanceRef]:
        """Which of them are cached. What arrives while that is looked up must not be fetched again."""
        near = set[InstanceRef]()
        while True:
            coming = self._coming(wanted, tenant_id)
            near |= {ref for ref in wanted if ref not in near and await self._store.get(tenant_id, ref) is not None}
            if not coming - near - self._coming(wanted, tenant_id):
                return near

    def _coming(self, wanted: Sequence[InstanceRef], tenant_id: str) -> set[InstanceRef]:
        studies = {ref.study_instance_uid for ref in wanted}
        fetches = [fetch for study in studies for fetch in self._fetches.get((tenant_id, study), ())]
        return {ref for ref in wanted for fetch in fetches if fetch.will_bring(ref)}

    async def _obtain_again(self, tenant_id: str, ref: InstanceRef) -> InstanceHandle:
        with self._studies.learning() as learning:
            return await self._obtain(tenant_id, ref, learning)

    async def _obtain(self, tenant_id: str, ref: InstanceRef, learning: StudyLearning) -> InstanceHandle:
        for _ in range(_ATTEMPTS):
            near = await self._store.get(tenant_id, ref) or self._held(tenant_id, ref)
            if near is not None:
                return near
            if (refused := self._refused.of(tenant_id, ref)) is not None:
                raise refused.error
            reader = self._join_underway(tenant_id, ref) or await self._begin_single(tenant_id, ref, learning)
            arrived = await _first_arrival(reader)
            if arrived.failure is not None:
                self.learn_failure(tenant_id, arrived.failure)
                raise arrived.failure.error
            if arrived.in_memory is not None:
                return arrived.in_memory
        raise InstanceNotSentError("the disk cache is too small for what is read at the same time; enlarge it", pacs="")

    def invalidate(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """What is cached of the study, or of all, is about to be dropped: fetches in progress store nothing more.

        Nobody joins them any more. Who reads from one already gets what it brings.
        """
        self._refused.invalidate(tenant_id, study_instance_uid)
        self._doubts.invalidate(tenant_id, study_instance_uid)
        places = [place for place in self._fetches if place[0] == tenant_id and study_instance_uid in (None, place[1])]
        for place in places:
            for fetch in self._fetches.pop(place):
                fetch.keep_no_more()

    def _held(self, tenant_id: str, ref: InstanceRef) -> InstanceHandle | None:
        fetches = self._fetches.get((tenant_id, ref.study_instance_uid), ())
        return next((held for fetch in fetches if (held := fetch.held(ref))), None)

    def _join_underway(self, tenant_id: str, ref: InstanceRef) -> FetchReader | None:
        fetches = self._fetches.get((tenant_id, ref.study_instance_uid), ())
        return next((fetch.join(frozenset({ref})) for fetch in fetches if fetch.will_bring(ref)), None)

    async def _begin_single(self, tenant_id: str, ref: InstanceRef, learning: StudyLearning) -> FetchReader:
        scope = instance_scope(ref)
        listing = await self._list(tenant_id, scope, self._lister.list, learning)
        return self._join_underway(tenant_id, ref) or self._begin(tenant_id, scope, listing, {ref})[0]

    def _plan(
        self,
        tenant_id: str,
        scope: RetrieveScope,
        listing: Listing,
        wanted: Sequence[InstanceRef],
        near: set[InstanceRef],
    ) -> _Plan:
        """Join the fetches that bring what is not cached, begin one for the rest. Awaits nothing: it must fit."""
        absent = [ref for ref in wanted if ref not in near]
        readers = []
        for fetch in self._fetches.get((tenant_id, scope.study_instance_uid), ()):
            near.update(ref for ref in absent if fetch.held(ref))
            shared = frozenset(ref for ref in absent if fetch.will_bring(ref))
            if shared:
                readers.append(fetch.join(shared))
            absent = [ref for ref in absent if ref not in shared and ref not in near]
        readers += self._begin(tenant_id, scope, listing, set(absent))
        return _Plan(tuple(ref for ref in wanted if ref in near), tuple(readers))

    def _begin(
        self, tenant_id: str, scope: RetrieveScope, listing: Listing, absent: Set[InstanceRef]
    ) -> list[FetchReader]:
        """Begin a fetch from each PACS that holds anything of what is absent."""
        readers = []
        for part in listing.parts:
            missing = [entry for entry in part.listed if entry.ref in absent]
            if missing:
                readers.append(self._begin_part(tenant_id, scope, part, missing))
        return readers

    def _begin_part(
        self, tenant_id: str, scope: RetrieveScope, part: ListingPart, missing: Sequence[ListedInstance]
    ) -> FetchReader:
        scopes = plan_scopes(scope, part.held, missing)
        fetch = Fetch(part.client, tenant_id, scopes, missing, self._store, self._limits)
        key = (tenant_id, scope.study_instance_uid)
        self._fetches.setdefault(key, []).append(fetch)
        reader = fetch.join(frozenset(entry.ref for entry in missing))
        task = fetch.start()
        self._tasks.add(task)
        task.add_done_callback(lambda finished: self._end(key, fetch, finished))
        return reader

    def _end(self, key: tuple[str, str], fetch: Fetch, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        shared = self._fetches.get(key, [])
        if fetch in shared:  # else it was invalidated
            shared.remove(fetch)
            if not shared:
                del self._fetches[key]
        if not task.cancelled() and (defect := task.exception()):
            _log.error("a fetch ended by a defect", exc_info=defect)


async def _first_arrival(reader: FetchReader) -> Arrived:
    try:
        async with aclosing(reader.arrivals()) as arrivals:
            return replace(await anext(arrivals))  # a copy: on leaving, the fetch lets go of what it holds in memory
    finally:
        reader.leave()
