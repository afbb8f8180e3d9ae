"""Which answers of the tier that servers share may be served here, and under which terms this server shares its own.

See docs/adr/0061-redis-tier.md. An answer is served when each of these holds:

- The server that shared it had applied every invalidation of the study that this one did, or that the database has.
- It was shared well after what this server alone noticed of the study, as by a PACS's feed of changes.
- It was fetched under the very state of the study that this server's PACS confirmed, and confirmed of late.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from radgate_server.core.access.ports.directory import ChangeFeed
from radgate_server.core.cache.invalidations import LatestByStudy
from radgate_server.core.cache.ports.shared import FoundAnswer
from radgate_server.core.cache.ports.tiers import CacheKey
from radgate_server.core.cache.study_state import is_mixed, state_digest
from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.lib.answer_cache import AnswerCache
from radgate_server.lib.clock import Clock
from radgate_server.services.cache.shared_states import AppliedChanges
from radgate_server.services.cache.study_states import StudyStates
from radgate_server.services.retrieve.study_doubts import StudyDoubts

MAX_STUDIES = 10_000
DATABASE_TIMEOUT_S = 1.0
"""For so long the database is asked for the last invalidation of a study; then the answer is not served."""


class SharingTerms(NamedTuple):
    """What an answer that is made now stands on, as SharedAnswer has it."""

    heard: int
    state: bytes


@dataclass(frozen=True, slots=True)
class StudyKnowledge:
    """What this server knows of studies.

    `confirm` has the PACS confirm a study unless they did of late; False: it is in doubt. `hides` reports whether
    rejected instances are hidden from a tenant, of which servers learn one by one: nothing of it is shared.
    """

    states: StudyStates
    doubts: StudyDoubts
    confirm: Callable[[str, str], Awaitable[bool]]
    hides: Callable[[str], bool]


class SharedVouching:
    """What this server shares with others, and what of theirs it serves.

    `settled_s` is how long after a change in a PACS every server has noticed it, or asked its PACS.
    """

    def __init__(
        self,
        feed: ChangeFeed,
        changes: AppliedChanges,
        studies: StudyKnowledge,
        clock: Clock,
        *,
        settled_s: float,
    ) -> None:
        self._feed = feed
        self._changes = changes
        self._studies = studies
        self._clock = clock
        self._settled_s = settled_s
        self._invalidated: AnswerCache[tuple[str, str], int] = AnswerCache(MAX_STUDIES)
        self._noticed_s = LatestByStudy(-inf, most_studies=MAX_STUDIES)
        self._dropped_s = LatestByStudy(-inf, most_studies=MAX_STUDIES)
        self._applied_then = LatestByStudy(-inf, most_studies=MAX_STUDIES)

    def invalidate(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """The study, or all of the tenant, is dropped here; the database has a change for it, or will have."""
        self._dropped_s.record(tenant_id, study_instance_uid, self._clock.monotonic_s())
        self._applied_then.record(tenant_id, study_instance_uid, self._changes.seen)
        studies = (None, "", study_instance_uid)
        self._invalidated.invalidate(
            lambda key: key[0] == tenant_id and (study_instance_uid is None or key[1] in studies)
        )

    def noticed(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """Something of the study, or of all of the tenant, changed that the database has no change of."""
        self._noticed_s.record(tenant_id, study_instance_uid, self._clock.monotonic_s())

    def terms(self, key: CacheKey) -> SharingTerms | None:
        """What an answer stands on of which nothing was invalidated since it was begun; None: it is not shared."""
        if self._studies.hides(key.tenant_id):
            return None
        state = self._state(key)
        return None if state is None else SharingTerms(self._changes.seen, state)

    async def vouches(self, key: CacheKey, found: FoundAnswer) -> bool:
        """Whether the answer may be served; asks the PACS when the study was not confirmed of late."""
        if self._studies.hides(key.tenant_id) or not self._is_recent(key, found):
            return False
        if not await self._is_heard(key, found.answer.heard):
            return False
        study = (key.tenant_id, key.study_instance_uid)
        if key.study_instance_uid and not await self._studies.confirm(*study):
            return False
        return self._state(key) == found.answer.state

    def _state(self, key: CacheKey) -> bytes | None:
        """The digest of the study's state, b"" of no study; None when nothing is to be shared of it."""
        study = (key.tenant_id, key.study_instance_uid)
        if not key.study_instance_uid:
            return b""
        known = self._studies.states.get(*study)
        if known is None or is_mixed(known.state) or self._studies.doubts.warning_of(*study):
            return None
        return state_digest(known.state)

    def _is_recent(self, key: CacheKey, found: FoundAnswer) -> bool:
        """Whether it was shared after every server had noticed what this one did, or learned what it dropped."""
        settled_s = self._clock.monotonic_s() - found.age_s - self._settled_s
        if settled_s < self._noticed_s.of(key):
            return False
        return settled_s >= self._dropped_s.of(key) or found.answer.heard > self._applied_then.of(key)

    async def _is_heard(self, key: CacheKey, heard: int) -> bool:
        """Whether who shared it had applied the last invalidation."""
        study = (key.tenant_id, key.study_instance_uid)
        if heard > self._changes.seen:  # reached within a second, unless the database was restored since
            return False
        try:
            async with asyncio.timeout(DATABASE_TIMEOUT_S):
                last = await self._invalidated.get_or_load(study, lambda: self._feed.last_invalidation(*study))
        except (DatabaseUnavailableError, TimeoutError):
            return False
        return last <= heard
