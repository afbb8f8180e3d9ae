"""What the PACS said of each study when it was last confirmed, and when that was: in memory, by tenant and study."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeGuard

from radgate_server.core.cache.study_state import PacsState, StudyState, decode_state, encode_state, is_contradicted
from radgate_server.core.dicom.data_sets import first_value
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.query.model import FindResult, Query
from radgate_server.core.query.return_attributes import UNIQUE_KEYS
from radgate_server.lib.clock import Clock
from radgate_server.lib.lru_cache import LruCache
from radgate_server.services.query.fan_out import PacsAnswer

MAX_STUDIES = 100_000
_STUDY_INSTANCE_UID = UNIQUE_KEYS[QueryLevel.STUDY]


@dataclass(slots=True)
class ConfirmedStudy:
    """A study's state, until when (monotonic, in seconds) it is trusted, and when the PACS last confirmed it."""

    state: StudyState
    trusted_until_s: float
    confirmed: datetime


def encode_record(known: ConfirmedStudy, *, patients_differ: bool) -> bytes:
    """What is stored of a study's state beside what was fetched under it."""
    return json.dumps([known.confirmed.isoformat(), encode_state(known.state).decode(), patients_differ]).encode()


def decode_record(value: bytes) -> tuple[ConfirmedStudy, bool] | None:
    """Read what `encode_record` made: not trusted yet, and whether patients differ; None when it is of another form."""
    try:
        confirmed, text, *more = json.loads(value)
        state = decode_state(text.encode())
        return (ConfirmedStudy(state, float("-inf"), datetime.fromisoformat(confirmed)), any(more)) if state else None
    except (AttributeError, TypeError, ValueError):
        return None


class StudyStates:
    """The states of the studies that were used last. One that is not here is asked for before anything is served."""

    def __init__(self, clock: Clock, *, max_age_s: float, max_studies: int = MAX_STUDIES) -> None:
        self._clock = clock
        self._max_age_s = max_age_s
        self._known: LruCache[tuple[str, str], ConfirmedStudy] = LruCache(max_studies)

    def is_trusted(self, tenant_id: str, study_instance_uid: str) -> bool:
        """Whether what is cached of the study may be served without asking the PACS."""
        known = self._known.get((tenant_id, study_instance_uid))
        return known is not None and self._clock.monotonic_s() < known.trusted_until_s

    def get(self, tenant_id: str, study_instance_uid: str) -> ConfirmedStudy | None:
        """What is known, however old."""
        return self._known.get((tenant_id, study_instance_uid))

    def confirm(self, tenant_id: str, study_instance_uid: str, state: StudyState) -> ConfirmedStudy:
        """The PACS say so as of now."""
        trusted_until_s = self._clock.monotonic_s() + self._max_age_s
        known = ConfirmedStudy(state, trusted_until_s, self._clock.now())
        self._known.put((tenant_id, study_instance_uid), known)
        return known

    def put(self, tenant_id: str, study_instance_uid: str, known: ConfirmedStudy) -> None:
        """Take in what was known before the process started."""
        self._known.put((tenant_id, study_instance_uid), known)

    def invalidate(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """Drop the state of the study, or of all of the tenant."""
        if study_instance_uid is not None:
            self._known.drop((tenant_id, study_instance_uid))
        else:
            self._known.drop_where(lambda key: key[0] == tenant_id)

    def require_revalidation(self, tenant_id: str, study_instance_uid: str | None = None) -> None:
        """Have the PACS asked before the study, or any of the tenant, is served again."""
        for key in [key for key in self._known if key[0] == tenant_id and study_instance_uid in (None, key[1])]:
            self._require_revalidation(key)

    def compare(self, tenant_id: str, query: Query, answers: Iterable[PacsAnswer]) -> None:
        """Distrust the cached studies that the answers of a query contradict."""
        pinned = _pinned(query)
        for answer in answers:
            if isinstance(answer.result, FindResult):
                self._compare_matches(tenant_id, query, answer.client.name, answer.result)
                if pinned and not answer.result.matches:
                    self._miss(tenant_id, answer.client.name, answer.result.member, pinned)

    def _compare_matches(self, tenant_id: str, query: Query, pacs: str, result: FindResult) -> None:
        of_study = query.level is QueryLevel.STUDY
        for match in result.matches:
            key = (tenant_id, first_value(match, _STUDY_INSTANCE_UID))
            known = self._known.get(key)
            state = known.state.get(pacs) if known else None
            if _is_comparable(state, pacs, result.member) and is_contradicted(state, match, of_study=of_study):
                self._require_revalidation(key)

    def _miss(self, tenant_id: str, pacs: str, member: str, studies: Sequence[str]) -> None:
        """The PACS has nothing of these studies that matches: perhaps it has them no more."""
        for study in studies:
            known = self._known.get((tenant_id, study))
            state = known.state.get(pacs) if known else None
            if _is_comparable(state, pacs, member):
                self._require_revalidation((tenant_id, study))

    def _require_revalidation(self, key: tuple[str, str]) -> None:
        if (known := self._known.get(key)) is not None:
            known.trusted_until_s = float("-inf")


def _is_comparable(state: PacsState | None, pacs: str, member: str) -> TypeGuard[PacsState]:
    """Whether what the member of a group answers says anything of the state: a backup may lag behind."""
    return state is not None and state.present and member in ("", pacs, state.member)


def _pinned(query: Query) -> Sequence[str]:
    """The studies that the query names, when that is all that it asks for."""
    if [key.path for key in query.keys] != [(_STUDY_INSTANCE_UID,)]:
        return ()
    return query.value_of(_STUDY_INSTANCE_UID).split("\\")
