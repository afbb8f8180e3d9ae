"""Asking the PACS whether what is cached of a study is still what they hold, before it is served (ADR 36).

This is the one rule for all that is cached: it is asked of each request that names a study, before any cache is.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from radgate_server.core.cache.ports.tiers import CacheKey, HotCache
from radgate_server.core.cache.study_state import (
    INSTANCE_COUNT,
    PacsState,
    StudyState,
    Verdict,
    backup_differs,
    compare,
    mixed_by,
    other_members,
    pacs_state,
    state_query,
    uids_digest,
    updated,
)
from radgate_server.core.dicom.data_sets import first_value
from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.errors import DatabaseUnavailableError, GatewayError, NoPacsConfiguredError
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.query.model import FindResult
from radgate_server.core.retention.ports.erasure import StudyTier
from radgate_server.lib.clock import Clock
from radgate_server.services.access.restrictions import LoneInstance
from radgate_server.services.cache.study_states import ConfirmedStudy, StudyStates, decode_record, encode_record
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.query.fan_out import AskLimits, PacsAnswer, ask_all
from radgate_server.services.retrieve.instance_locator import InstanceLocator
from radgate_server.services.retrieve.listing import listing_query
from radgate_server.services.retrieve.study_doubts import StudyDoubts

_log = logging.getLogger(__name__)

_KIND = "study-state"
_SOP_INSTANCE_UID = "00080018"


@dataclass(frozen=True, slots=True)
class UnconfirmedStudy:
    """The PACS could not say whether the study changed. `age_s` is how long ago they confirmed it, None: not yet."""

    age_s: int | None


@dataclass(frozen=True, slots=True)
class RevalidationLimits:
    """`wait_s` is how long a request waits when something is cached; `retry_s` is the time between tries that fail."""

    wait_s: float
    retry_s: float


type OfStudy = Callable[[str, str], Awaitable[object]]
"""(tenant, Study Instance UID): does something about what is cached of the study."""


@dataclass(frozen=True, slots=True)
class CachedStudies:
    """What is cached of studies.

    `tiers` report what they hold. `kept` has states that outlive the process. `drop` throws all of a study away, here
    and in other processes; `refresh_lists` only what lists its instances.
    """

    tiers: Sequence[StudyTier]
    kept: HotCache
    drop: OfStudy
    refresh_lists: OfStudy


@dataclass(slots=True)
class _Pending:
    """An answer that is awaited, and since when (monotonic, in seconds)."""

    task: asyncio.Task[bool]
    started_s: float


class Revalidator:
    """Confirms studies with their PACS, each at most once at a time.

    A state is recorded before anything is fetched, so that what changes afterwards differs from it. Where it is not
    known (it was lost, or is older than this rule), what is cached can't be vouched for and is dropped.
    """

    def __init__(
        self,
        clients: PacsClients,
        states: StudyStates,
        doubts: StudyDoubts,
        places: InstanceLocator,
        cached: CachedStudies,
        ask: AskLimits,
        limits: RevalidationLimits,
        clock: Clock,
    ) -> None:
        self._clients = clients
        self._states = states
        self._doubts = doubts
        self._places = places
        self._cached = cached
        self._ask = ask
        self._limits = limits
        self._clock = clock
        self._pending: dict[tuple[str, str], _Pending] = {}
        self._failed: dict[tuple[str, str], float] = {}
        self._writing: set[asyncio.Task[None]] = set()
        doubts.when_patients_differ(self._write_soon)

    async def study_of(self, tenant_id: str, asked: RetrieveScope | LoneInstance) -> str:
        """The study that is asked for.

        Raises:
            ObjectNotFoundError: nobody knows where the instance lies.
            PacsError: that can't be determined, because a PACS failed.
        """
        if isinstance(asked, RetrieveScope):
            return asked.study_instance_uid
        return (await self._places.find(tenant_id, asked.sop_instance_uid)).study_instance_uid

    def is_trusted(self, tenant_id: str, study_instance_uid: str) -> bool:
        """Whether the study may be served at once."""
        return self._states.is_trusted(tenant_id, study_instance_uid)

    async def confirm(self, tenant_id: str, study_instance_uid: str) -> UnconfirmedStudy | None:
        """Have what is cached of the study dropped if it changed; return the doubt that is left.

        Asks nobody while nothing is cached.
        """
        key = (tenant_id, study_instance_uid)
        if self._states.is_trusted(*key) or not await self._holds(key):
            return None
        pending = self._ask_once(key)
        if pending is not None:
            waited_s = self._clock.monotonic_s() - pending.started_s
            await asyncio.wait((pending.task,), timeout=max(0.0, self._limits.wait_s - waited_s))
            if pending.task.done() and not pending.task.cancelled() and pending.task.result():
                return None
        known = self._states.get(*key)
        return UnconfirmedStudy(round((self._clock.now() - known.confirmed).total_seconds()) if known else None)

    async def confirm_now(self, tenant_id: str, study_instance_uid: str) -> bool:
        """Have it confirmed by an answer that is asked for from now on, however lately it was; False: in doubt.

        For whoever takes what is cached for what the PACS hold at this moment. Of a study of which nothing is cached
        the state is recorded, as before a fetch.
        """
        key = (tenant_id, study_instance_uid)
        if (earlier := self._pending.get(key)) is not None:
            await asyncio.wait((earlier.task,))
        self._states.require_revalidation(*key)
        pending = self._ask_once(key)
        if pending is None:
            return False
        await asyncio.wait((pending.task,))
        return not pending.task.cancelled() and pending.task.result()

    async def confirm_elsewhere(self, tenant_id: str, study_instance_uid: str) -> bool:
        """Have the state recorded before something of the study is taken that another server fetched; False: in doubt.

        Where something is cached here, who asks for it was admitted in doubt already, and is not kept waiting again.
        """
        key = (tenant_id, study_instance_uid)
        if self._states.is_trusted(*key):
            return True
        if not await self._holds(key) and (pending := self._ask_once(key)) is not None:
            await asyncio.wait((pending.task,), timeout=self._limits.wait_s)
            return pending.task.done() and not pending.task.cancelled() and pending.task.result()
        return False

    async def prepare(self, tenant_id: str, study_instance_uid: str) -> None:
        """Have the state recorded before anything is fetched. Waits as long as it takes: the PACS is needed anyhow."""
        key = (tenant_id, study_instance_uid)
        if not self._states.is_trusted(*key) and (pending := self._ask_once(key)) is not None:
            await asyncio.wait((pending.task,))

    async def listed(self, tenant_id: str, study_instance_uid: str, members: Mapping[str, str]) -> bool:
        """Confirm the study again if others of its failover groups listed it than vouch for what is cached.

        `members` listed it, by the names of the groups' primaries. Returns whether it has to be listed again.
        """
        key = (tenant_id, study_instance_uid)
        known = self._states.get(*key)
        if known is None or not other_members(known.state, members):
            return False
        self._states.require_revalidation(*key)
        await self.prepare(*key)
        now = self._states.get(*key)
        if now is None or not other_members(now.state, members):
            return now is not known
        if self._states.is_trusted(*key):  # who listed it answers no more
            await self._cached.refresh_lists(*key)
            return True
        await self._keep(key, now, mixed_by(now.state, members))  # what is fetched now comes from them
        return False

    async def close(self) -> None:
        """Await no more answers."""
        tasks = [*(pending.task for pending in self._pending.values()), *self._writing]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _holds(self, key: tuple[str, str]) -> bool:
        """Whether anything is cached of the study; the nearest tier is asked first."""
        for tier in self._cached.tiers:
            try:
                if (await tier.held(*key)).entries:
                    return True
            except DatabaseUnavailableError:  # what others share is found by the database: none of it can be served
                continue
        return False

    def _ask_once(self, key: tuple[str, str]) -> _Pending | None:
        """The answer that is awaited, asked for now if it is not; None when that failed a moment ago."""
        if self._failed.get(key, 0.0) > self._clock.monotonic_s():
            return None
        return self._pending.get(key) or self._begin(key)

    def _begin(self, key: tuple[str, str]) -> _Pending:
        task = asyncio.create_task(self._revalidate(key), name="revalidation")
        pending = self._pending[key] = _Pending(task, self._clock.monotonic_s())
        task.add_done_callback(lambda _: self._pending.pop(key, None))
        return pending

    async def _revalidate(self, key: tuple[str, str]) -> bool:
        """Ask, compare and act; whether there is no doubt left."""
        try:
            if self._states.get(*key) is None:
                await self._load(key)  # its age is shown if nobody answers
            answered = await self._answers(*key)
            confirmed = await self._settle(key, answered)
        except GatewayError:
            confirmed = False
        except Exception:  # noqa: BLE001 - whatever it was, the study is served in doubt
            _log.exception("a study could not be revalidated because of a defect")
            confirmed = False
        if confirmed:
            self._failed.pop(key, None)
        else:
            self._note_failure(key)
        return confirmed

    async def _settle(self, key: tuple[str, str], answered: StudyState) -> bool:
        known = self._states.get(*key)
        if known is None:
            verdict = Verdict.CHANGED if await self._holds(key) else Verdict.SAME
            recorded: StudyState = {}
        else:
            known = await self._keep(key, known, mixed_by(known.state, self._backups_sent(key, known.state, answered)))
            verdict, recorded = compare(known.state, answered), known.state
        if verdict is Verdict.IN_DOUBT:
            if backup_differs(recorded, answered):
                self._doubts.backup_differs(*key)
            return False
        if verdict is Verdict.CHANGED:
            _log.info("a study changed in the PACS: what was cached of it is dropped", extra={"tenant": key[0]})
            await self._cached.drop(*key)
            recorded = {}
        elif verdict is Verdict.GROWN:
            await self._cached.refresh_lists(*key)
        await self._record(key, updated(recorded, answered))
        self._doubts.confirmed(*key)
        return True

    def _backups_sent(self, key: tuple[str, str], recorded: StudyState, answered: StudyState) -> Mapping[str, str]:
        """A backup that sent instances and vouches for none, for each PACS that it may belong to."""
        vouching = {state.member for state in recorded.values() if state is not None}
        backups = self._doubts.senders(*key) - vouching - answered.keys() - recorded.keys()
        return dict.fromkeys(recorded, min(backups)) if backups else {}

    async def _record(self, key: tuple[str, str], state: StudyState) -> None:
        if not any(one is not None and one.present for one in state.values()):
            return  # nobody has it: there is nothing to vouch for
        before = self._states.get(*key)
        known = self._states.confirm(*key, state)
        if before is None or before.state != state:
            await self._write(key, known)

    async def _keep(self, key: tuple[str, str], known: ConfirmedStudy, state: StudyState) -> ConfirmedStudy:
        """Record what was found out of a study without a word of its PACS; its age goes on."""
        if state == known.state:
            return known
        kept = ConfirmedStudy(state, known.trusted_until_s, known.confirmed)
        self._states.put(*key, kept)
        await self._write(key, kept)
        return kept

    async def _write(self, key: tuple[str, str], known: ConfirmedStudy) -> None:
        mark = self._cached.kept.mark()  # an older state vouches for less, never for more
        value = encode_record(known, patients_differ=self._doubts.do_patients_differ(*key))
        await self._cached.kept.put(mark, _place(key), value)

    def _write_soon(self, tenant_id: str, study_instance_uid: str) -> None:
        """Instances that name another patient arrived: what is cached of the study outlives this process."""
        key = (tenant_id, study_instance_uid)
        if (known := self._states.get(*key)) is not None:
            task = asyncio.create_task(self._write(key, known), name="study state")
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def _load(self, key: tuple[str, str]) -> ConfirmedStudy | None:
        """What an earlier process recorded, or another server. It is not trusted, but compared with."""
        value = await self._cached.kept.get(_place(key))
        record = decode_record(value) if value else None
        if record is None:
            return None
        known, patients_differ = record
        self._states.put(*key, known)
        if patients_differ:
            self._doubts.restore(*key)
        return known

    async def _answers(self, tenant_id: str, study_instance_uid: str) -> StudyState:
        try:
            clients = await self._clients.of_tenant(tenant_id)
        except NoPacsConfiguredError:
            return {}
        answers = await ask_all(clients, state_query(study_instance_uid), self._ask)
        states = await asyncio.gather(*(self._state(answer, study_instance_uid) for answer in answers))
        return {answer.client.name: state for answer, state in zip(answers, states, strict=True)}

    async def _state(self, answer: PacsAnswer, study_instance_uid: str) -> PacsState | None:
        if not isinstance(answer.result, FindResult):
            return None
        result = answer.result
        state = pacs_state(result.member or answer.client.name, result.matches, result.version)
        if state.present and INSTANCE_COUNT not in state.counts:
            return await self._with_listing(answer.client, state, study_instance_uid)
        return state

    async def _with_listing(self, client: PacsClient, state: PacsState, study_instance_uid: str) -> PacsState | None:
        """The PACS does not count: what it lists has to be compared."""
        query = listing_query(RetrieveScope(study_instance_uid))
        listed = (await ask_all([client], query, self._ask))[0].result
        if not isinstance(listed, FindResult):
            return None
        uids = [first_value(match, _SOP_INSTANCE_UID) for match in listed.matches]
        return PacsState(
            state.member, state.present, state.identity, state.counts, state.version, listed=uids_digest(uids)
        )

    def _note_failure(self, key: tuple[str, str]) -> None:
        now_s = self._clock.monotonic_s()
        self._failed = {one: until_s for one, until_s in self._failed.items() if until_s > now_s}
        self._failed[key] = now_s + self._limits.retry_s


def _place(key: tuple[str, str]) -> CacheKey:
    return CacheKey(*key, _KIND, "")
