"""Counts accesses to studies as calls end, and writes them down beside the calls."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import batched
from typing import Protocol

from radgate_server.core.cache.accesses import (
    AccessCounts,
    AccessHistory,
    AccessPlace,
    ObservedAccess,
    StudyAccesses,
    first_hour,
    hour_of,
)
from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.core.secrets.ports import Fingerprints
from radgate_server.lib.clock import Clock
from radgate_server.services.query.known_studies import KnownStudy
from radgate_server.services.repeating import Repeated, Sleep

_log = logging.getLogger(__name__)

MAX_WAITING = 50_000
"""Rows that wait for the database; accesses that would need more are not counted."""
BATCH_ROWS = 500
_HOUR = timedelta(hours=1)
_DIGEST_LENGTH = 32


class AccessTelemetry(Protocol):
    """What is counted of accesses; cheap, never fails."""

    def study_access(self, tier: str, sent_bytes: int, first_byte_s: float) -> None:
        """A client accessed a study; the tier is the farthest that was needed."""
        ...


type KnownOf = Callable[[str, str], KnownStudy]
"""(tenant, Study Instance UID): what is known of the study."""


def patient_digest(box: Fingerprints, tenant_id: str, patient_id: str) -> str:
    """What stands for the patient in the history, "" for none."""
    if not patient_id:
        return ""
    return box.fingerprint(f"patient\n{tenant_id}\n{patient_id}").hex()[:_DIGEST_LENGTH]


class AccessRecorder:
    """What was counted since the last writing is lost when the process is killed.

    While the database is away it waits here. Hours of more than `days` days ago are removed; with 0 nothing is written.
    """

    def __init__(
        self,
        history: AccessHistory,
        known: KnownOf,
        box: Fingerprints,
        clock: Clock,
        telemetry: AccessTelemetry,
        *,
        days: int,
        interval_s: float,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._history = history
        self._known = known
        self._box = box
        self._clock = clock
        self._telemetry = telemetry
        self._days = days
        self._waiting: dict[AccessPlace, AccessCounts] = {}
        self._left_out = 0
        self._hour = hour_of(clock.now())
        self._next_hour = self._hour + _HOUR
        self._pruned: datetime | None = None
        self._loop = Repeated(
            self.write,
            "accesses",
            interval_s=interval_s,
            trouble="can't write down which studies are accessed",
            wait_first=True,
            sleep=sleep,
        )

    def start(self) -> None:
        """Write from now on."""
        if self._days:
            self._loop.start()

    async def close(self) -> None:
        """Write what is left, and no more."""
        await self._loop.close()
        try:
            await self.write()
        except DatabaseUnavailableError as error:
            _log.warning("which studies were accessed last could not be written down: %s", error.message)

    def record(self, tenant_id: str, access: ObservedAccess, sent_bytes: int, first_byte_s: float) -> None:
        """A call ended. What was not granted, sent nothing or needed no tier is no access. Never fails."""
        if access.kind is None or not access.tier or not sent_bytes:
            return
        self._telemetry.study_access(access.tier, sent_bytes, first_byte_s)
        if not self._days:
            return
        now = self._clock.now()
        if not self._hour <= now < self._next_hour:
            self._hour = hour_of(now)
            self._next_hour = self._hour + _HOUR
        place = AccessPlace(self._hour, tenant_id, access.study_instance_uid, access.kind, access.tier)
        counted = AccessCounts(
            1, sent_bytes, access.fetched_bytes, round(access.waited_s * 1000), round(first_byte_s * 1_000_000)
        )
        before = self._waiting.get(place)
        if before is not None:
            self._waiting[place] = before.plus(counted)
        elif len(self._waiting) < MAX_WAITING:
            self._waiting[place] = counted
        else:
            self._left_out += 1

    def forget(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """What waits of the study, or of all of the tenant, is erased and not written."""
        for place in list(self._waiting):
            if place.tenant_id == tenant_id and study_instance_uid in (None, place.study_instance_uid):
                del self._waiting[place]

    async def write(self) -> None:
        """Write what was counted since, and remove what is too old. Raises DatabaseUnavailableError: it is kept."""
        waiting, self._waiting = self._waiting, {}
        try:
            for batch in batched(list(waiting), BATCH_ROWS):
                await self._history.add([self._row(place, waiting[place]) for place in batch])
                for place in batch:
                    del waiting[place]
        finally:
            self._take_back(waiting)
        if self._left_out:
            _log.warning("accesses are missing in the history: too many waited", extra={"count": self._left_out})
            self._left_out = 0
        if self._days:
            await self._prune()

    def _take_back(self, unwritten: Mapping[AccessPlace, AccessCounts]) -> None:
        for place, counts in unwritten.items():
            since = self._waiting.get(place)
            self._waiting[place] = counts if since is None else counts.plus(since)

    async def _prune(self) -> None:
        first = first_hour(self._clock.now(), self._days)
        if first != self._pruned:
            await self._history.prune(first)
            self._pruned = first

    def _row(self, place: AccessPlace, counts: AccessCounts) -> StudyAccesses:
        known = self._known(place.tenant_id, place.study_instance_uid)
        patient = patient_digest(self._box, place.tenant_id, known.patient_id or "")
        return StudyAccesses(place, counts, known.modalities, patient)
