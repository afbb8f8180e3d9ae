"""Which studies were accessed, and what it took: observed during a call, kept as one row a study, hour, kind and tier.

See docs/adr/0065-access-history.md.
"""

from collections.abc import Collection, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol

PACS = "pacs"
"""The tier of what was in none: it was fetched, from its PACS or from another server that had it."""

_TIERS = ("hot", "hot-instances", "redis", "derived", "warm", "s3", PACS)
"""From the nearest to the farthest."""
_DISTANCE: Mapping[str, int] = {tier: distance for distance, tier in enumerate(_TIERS, 1)}


class AccessKind(StrEnum):
    """What of a study was asked for."""

    RETRIEVE = "retrieve"
    FRAMES = "frames"
    METADATA = "metadata"
    BULKDATA = "bulkdata"
    RENDERED = "rendered"
    TRANSCODED = "transcoded"


class ObservedAccess:
    """What is known so far of the access that a call makes.

    `tier` is the farthest one that it needed, "" before any was asked.
    """

    __slots__ = ("_distance", "fetched_bytes", "kind", "study_instance_uid", "tier", "waited_s")

    def __init__(self) -> None:
        self.kind: AccessKind | None = None
        self.study_instance_uid = ""
        self.tier = ""
        self.fetched_bytes = 0
        self.waited_s = 0.0
        self._distance = 0

    def granted(self, kind: AccessKind, study_instance_uid: str) -> None:
        """The caller may have it."""
        self.kind, self.study_instance_uid = kind, study_instance_uid

    def found_in(self, tier: str) -> None:
        """Something of it was in the tier."""
        distance = _DISTANCE.get(tier, 0)
        if distance > self._distance:
            self.tier, self._distance = tier, distance

    def waited(self, seconds: float) -> None:
        """It had to wait for an instance that was being fetched."""
        self.waited_s += seconds

    def fetched(self, size_bytes: int) -> None:
        """An instance of it was in no tier."""
        self.found_in(PACS)
        self.fetched_bytes += size_bytes


current_access: ContextVar[ObservedAccess | None] = ContextVar("current_access", default=None)
"""The access that the call makes which is served; None outside of calls, as in jobs and for other servers."""


def found_in(tier: str) -> None:
    """Something of the current access, if there is one, was in the tier."""
    if (access := current_access.get()) is not None:
        access.found_in(tier)


class AccessPlace(NamedTuple):
    """What is counted together. `hour` is its begin, in UTC."""

    hour: datetime
    tenant_id: str
    study_instance_uid: str
    kind: AccessKind
    tier: str

    @property
    def is_hit(self) -> bool:
        """Whether nothing had to be fetched."""
        return self.tier != PACS


class AccessCounts(NamedTuple):
    """How many accesses, what was sent of them and fetched for them, and how long they waited for what was fetched.

    `first_byte_us` are the microseconds until their first byte left, added up.
    """

    accesses: int
    sent_bytes: int
    fetched_bytes: int
    waited_ms: int
    first_byte_us: int = 0

    def plus(self, other: "AccessCounts") -> "AccessCounts":
        """Both together."""
        # Written out: this is in the path of every frame.
        return AccessCounts(
            self[0] + other[0],
            self[1] + other[1],
            self[2] + other[2],
            self[3] + other[3],
            self[4] + other[4],
        )


@dataclass(frozen=True, slots=True)
class StudyAccesses:
    """One row of the history.

    `patient` is a keyed digest of tenant and Patient ID (0010,0020), the same for all studies of a patient, `modality`
    the Modalities in Study (0008,0061) by backslashes; both "" where they are unknown.
    """

    place: AccessPlace
    counts: AccessCounts
    modality: str = ""
    patient: str = ""


class AccessHistory(Protocol):
    """The accesses of all servers. All methods raise DatabaseUnavailableError."""

    async def add(self, rows: Sequence[StudyAccesses]) -> None:
        """Add to what is counted. What is of a tenant that does not exist is left out."""
        ...

    async def page(
        self, tenant_id: str, since: datetime, limit: int, after: AccessPlace | None = None
    ) -> Sequence[StudyAccesses]:
        """At most `limit` rows of hours from `since` on, oldest first, that follow `after`."""
        ...

    async def totals(self, tenant_ids: Collection[str], since: datetime) -> Mapping[str, Mapping[str, AccessCounts]]:
        """What is counted in hours from `since` on, by tenant and tier; added up where the history lies."""
        ...

    async def prune(self, before: datetime) -> int:
        """Remove the hours that begin before; return how many rows that were."""
        ...


def hour_of(moment: datetime) -> datetime:
    """The begin of its hour, in UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def first_hour(now: datetime, days: int) -> datetime:
    """The first hour that is kept of a history of so many days."""
    return hour_of(now - timedelta(days=days))
