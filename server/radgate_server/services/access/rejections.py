"""What rejection notes hide, for the tenants that want it (docs/adr/0050-rejected-instances.md)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import batched

from radgate_server.core.access.rejection_notes import KEY_OBJECT_SELECTION, NOTE_MODALITY, Rejected, hidden_by
from radgate_server.core.access.tenancy import Tenant
from radgate_server.core.dicom.data_sets import first_value
from radgate_server.core.dicom.identifiers import InstanceRef, QueryLevel, RetrieveScope
from radgate_server.core.errors import GatewayError, NoPacsConfiguredError, ObjectNotFoundError, ObjectRejectedError
from radgate_server.core.imaging.metadata.reader import read_metadata
from radgate_server.core.pacs.background import for_whoever_joins
from radgate_server.core.query.model import FindResult, MatchingKey, Query
from radgate_server.core.query.return_attributes import UNIQUE_KEYS
from radgate_server.lib.answer_cache import AnswerCache
from radgate_server.lib.clock import Clock
from radgate_server.services.access.restrictions import LoneInstance
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.query.fan_out import AskLimits, ask_all
from radgate_server.services.retrieve.instance_locator import InstanceLocator
from radgate_server.services.retrieve.instances import InstanceReader
from radgate_server.services.retrieve.listing import StudyLister
from radgate_server.services.retrieve.retrieval import RetrieveService

_log = logging.getLogger(__name__)

NOTES_UNREAD = "Not all rejection notes of this study could be read: it may show instances that were rejected"

MAX_REMEMBERED = 500_000  # studies and rejected instances
MAX_NOTES = 200
"""Documents of modality KO that are read of one study; most have none, some a few."""
_MAX_NOTE_BYTES = 16 << 20
_RETRY_S = 5.0
_BATCH = 32  # UIDs in one query
_MODALITY = "00080060"
_STUDY_INSTANCE_UID, _SERIES_INSTANCE_UID = UNIQUE_KEYS[QueryLevel.STUDY], UNIQUE_KEYS[QueryLevel.SERIES]
_NOTHING = Rejected()

type _StudyKey = tuple[str, str]
"""Tenant and Study Instance UID."""

type OnChange = Callable[[str, str], Awaitable[object]]
"""(tenant, Study Instance UID): other instances are hidden than before."""


@dataclass(frozen=True, slots=True)
class _Known:
    """`until_s` is when (monotonic, in seconds) the PACS are asked again."""

    rejected: Rejected
    until_s: float


@dataclass(frozen=True, slots=True)
class NoteReading:
    """What lists the rejection notes of a study, fetches them, and reads what they say."""

    lister: StudyLister
    retrieve: RetrieveService
    instances: InstanceReader


class Rejections:
    """Reads the notes of a study when something of it is asked for, and remembers what they hide for `max_age_s`.

    Those that can't be read are retried after a few seconds; what was known before stays hidden meanwhile.
    `on_change` is awaited when what is hidden of a study turns out to be something else than before.
    """

    def __init__(
        self,
        clients: PacsClients,
        reading: NoteReading,
        places: InstanceLocator,
        ask: AskLimits,
        on_change: OnChange,
        clock: Clock,
        *,
        max_age_s: float,
    ) -> None:
        self._clients = clients
        self._lister = reading.lister
        self._retrieve = reading.retrieve
        self._instances = reading.instances
        self._places = places
        self._ask = ask
        self._on_change = on_change
        self._clock = clock
        self._max_age_s = max_age_s
        self._hiding: frozenset[str] = frozenset()
        self._known: AnswerCache[_StudyKey, _Known] = AnswerCache(MAX_REMEMBERED)

    def load(self, tenants: Iterable[Tenant]) -> frozenset[str]:
        """Hide for those tenants that say so, from now on; returns those for which that is new or over."""
        before, self._hiding = self._hiding, frozenset(one.tenant_id for one in tenants if one.hide_rejected)
        return before ^ self._hiding

    def hides(self, tenant_id: str) -> bool:
        """Whether the tenant wants rejected instances hidden."""
        return tenant_id in self._hiding

    def invalidate(self, tenant_id: str, study_instance_uid: str | None = None) -> None:
        """Read the notes of the study, or of any of the tenant's, again before it is shown."""
        self._known.invalidate(lambda key: key[0] == tenant_id and study_instance_uid in (None, key[1]))

    async def require(self, tenant_id: str, asked: RetrieveScope | LoneInstance) -> str:
        """Pass unless what is asked for is one instance that was rejected; returns a warning, "" for none.

        Raises:
            ObjectRejectedError: it was rejected.
        """
        if isinstance(asked, LoneInstance):
            try:
                ref = await self._places.find(tenant_id, asked.sop_instance_uid)
            except GatewayError:  # the servicer finds it as little, and says so
                return ""
            asked = RetrieveScope(ref.study_instance_uid, ref.series_instance_uid, ref.sop_instance_uid)
        rejected = await self.of_study(tenant_id, asked.study_instance_uid)
        if asked.sop_instance_uid in rejected.sop_instance_uids:
            raise rejected_error("instance")
        return NOTES_UNREAD if rejected.unread else ""

    async def of_study(self, tenant_id: str, study_instance_uid: str) -> Rejected:
        """What is not to be shown of the study; nothing where the tenant shows all."""
        if not self.hides(tenant_id):
            return _NOTHING
        key = (tenant_id, study_instance_uid)
        return self._fresh(key) or (await self._known.share(key, lambda: self._read(key, None))).rejected

    async def of_studies(self, tenant_id: str, study_instance_uids: Iterable[str]) -> Mapping[str, Rejected]:
        """What is not to be shown of each study; those that are unknown are asked for in batches."""
        found = {uid: self._fresh((tenant_id, uid)) for uid in study_instance_uids}
        for batch in batched([uid for uid, known in found.items() if known is None], _BATCH):
            series = await self._note_series(tenant_id, batch)
            for uid in batch:
                key, of_study = (tenant_id, uid), None if series is None else series[uid]
                read = partial(self._read, key, of_study)
                found[uid] = (await self._known.share(key, read)).rejected
        return {uid: rejected for uid, rejected in found.items() if rejected is not None}

    def _fresh(self, key: _StudyKey) -> Rejected | None:
        known = self._known.get(key)
        return known.rejected if known is not None and self._clock.monotonic_s() < known.until_s else None

    async def _read(self, key: _StudyKey, series: Sequence[str] | None) -> _Known:
        """Read the study's notes, in `series` when those are known, and remember what they hide."""
        before = self._known.get(key)
        with self._known.loading() as load, for_whoever_joins():
            hidden, unread = await self._hidden(key, series)
            if unread:
                _log.warning("rejection notes of a study could not be read", extra={"tenant": key[0]})
                hidden |= before.rejected.sop_instance_uids if before else frozenset()
            age_s = min(_RETRY_S, self._max_age_s) if unread else self._max_age_s
            known = _Known(Rejected(hidden, unread), self._clock.monotonic_s() + age_s)
            load.put(key, known, 1 + len(hidden))
        if before is not None and before.rejected.sop_instance_uids != hidden:
            await self._on_change(*key)
        return known

    async def _hidden(self, key: _StudyKey, series: Sequence[str] | None) -> tuple[frozenset[str], bool]:
        """What the notes that can be read hide, and whether there are others."""
        tenant_id, study = key
        if series is None:
            found = await self._note_series(tenant_id, (study,))
            if found is None:
                return frozenset(), True
            series = found[study]
        unread = "" in series  # of a PACS that did not answer
        refs: list[InstanceRef] = []
        for uid in filter(None, series):
            listed, failed = await self._listed(tenant_id, RetrieveScope(study, uid))
            refs += listed
            unread = unread or failed
        hidden = await asyncio.gather(*(self._hidden_by(tenant_id, ref) for ref in refs[:MAX_NOTES]))
        sound = [uids for uids in hidden if uids is not None]
        return frozenset().union(*sound), unread or len(sound) < len(refs)

    async def _listed(self, tenant_id: str, scope: RetrieveScope) -> tuple[list[InstanceRef], bool]:
        """The documents of a series that may be notes, and whether there may be more."""
        try:
            listing = await self._lister.list(tenant_id, scope)
        except ObjectNotFoundError:
            return [], False
        except GatewayError:
            return [], True
        refs = [one.ref for one in listing.listed if one.sop_class_uid in ("", KEY_OBJECT_SELECTION)]
        return refs, bool(listing.unanswered)

    async def _hidden_by(self, tenant_id: str, ref: InstanceRef) -> frozenset[str] | None:
        """What a document hides, None when it can't be read."""
        try:
            handle = await self._retrieve.instance(tenant_id, ref)
            if handle.size_bytes > _MAX_NOTE_BYTES:
                return None
            metadata = await self._instances.metadata(tenant_id, handle)
            return hidden_by((await asyncio.to_thread(read_metadata, metadata)).model)
        except (GatewayError, ValueError):
            return None

    async def _note_series(self, tenant_id: str, studies: Sequence[str]) -> Mapping[str, Sequence[str]] | None:
        """Series of notes by study, with "" among them when a PACS did not answer; None when nobody did."""
        keys = (
            MatchingKey((_MODALITY,), NOTE_MODALITY),
            MatchingKey((_STUDY_INSTANCE_UID,), "\\".join(studies)),
        )
        query = Query(QueryLevel.SERIES, keys, ((_MODALITY,),), only_included=True)
        try:
            answers = await ask_all(await self._clients.of_tenant(tenant_id), query, self._ask)
        except NoPacsConfiguredError:
            return dict.fromkeys(studies, ())
        except GatewayError:
            return None
        series: dict[str, list[str]] = {study: [] for study in studies}
        for answer in answers:
            if not isinstance(answer.result, FindResult) or answer.result.truncated:
                for of_study in series.values():
                    of_study.append("")
                continue
            for match in answer.result.matches:
                of_study = series.get(first_value(match, _STUDY_INSTANCE_UID), [])
                of_study.append(first_value(match, _SERIES_INSTANCE_UID))
        return {study: tuple(dict.fromkeys(found)) for study, found in series.items()}


def rejected_error(kind: str) -> ObjectRejectedError:
    """What is said of an object that is hidden."""
    return ObjectRejectedError(
        f"a rejection note in the PACS rejects this {kind}, and the tenant hides what is rejected", kind=kind
    )
