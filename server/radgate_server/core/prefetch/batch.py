"""A list of studies to prefetch, and what became of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

MAX_STUDIES = 1000
"""Studies of one batch."""

API = "api"
"""The source of a batch that somebody asked for."""


RULES = "rules"
"""The source of a batch that all enabled rules chose."""


@dataclass(frozen=True, slots=True)
class PrefetchBatch:
    """The studies in order, each once.

    `source` is API, RULES, the name of the rule that chose them, or the Trigger that set rules off.
    """

    batch_id: str
    studies: tuple[str, ...]
    source: str = API

    def parameters(self) -> dict[str, str]:
        """What a job keeps of it."""
        return {"batch": self.batch_id, "source": self.source, "studies": "\\".join(self.studies)}


def batch_of(parameters: Mapping[str, str]) -> PrefetchBatch:
    """The batch again."""
    return PrefetchBatch(parameters["batch"], tuple(parameters["studies"].split("\\")), parameters["source"])


class PrefetchOutcome(StrEnum):
    """What became of a study."""

    FETCHED = "fetched"
    CACHED = "cached"
    """All that the PACS lists was cached already."""
    INCOMPLETE = "incomplete"
    """Some instances could not be fetched."""
    NOT_STORED = "not-stored"
    """The disk cache could not take all of it."""
    ERASED = "erased"
    """Left out: an erasure names it."""
    REJECTED = "rejected"
    """Left out: all of it was rejected."""
    NOT_FOUND = "not-found"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PrefetchedStudy:
    """One study of a batch. `reason` is a name of ErrorReason for what failed, "" for nothing.

    `instances` are those that the PACS listed, `fetched_bytes` those of what was fetched.
    """

    tenant_id: str
    batch_id: str
    study_instance_uid: str
    time: datetime
    source: str
    outcome: PrefetchOutcome
    reason: str = ""
    instances: int = 0
    fetched_instances: int = 0
    failed_instances: int = 0
    fetched_bytes: int = 0


class PrefetchRecords(Protocol):
    """What was prefetched. All methods raise DatabaseUnavailableError."""

    async def add(self, row: PrefetchedStudy) -> None:
        """Write it down in place of what there is of the same study and batch, unless its tenant does not exist."""
        ...

    async def of_batch(self, tenant_id: str, batch_id: str) -> Sequence[PrefetchedStudy]:
        """In the order in which they were prefetched."""
        ...

    async def fetched_since(self, tenant_id: str, since: datetime) -> Sequence[PrefetchedStudy]:
        """Those of which something was fetched since, oldest first."""
        ...

    async def prune(self, before: datetime) -> int:
        """Remove what was prefetched before; return how many rows that were."""
        ...
