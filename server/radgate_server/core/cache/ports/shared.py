"""The tier of small answers that servers share, as services need it (ADR 61). Every key carries the tenant."""

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from radgate_server.core.cache.ports.tiers import CacheKey


class SharedTierError(Exception):
    """The tier can't be asked; the message says why, without patient data."""


class SharedTierFullError(Exception):
    """The tier works, and has no room."""


class DamagedAnswerError(Exception):
    """What was shared is not what it was; it has been removed."""


@dataclass(frozen=True, slots=True)
class SharedAnswer:
    """An answer, and what it stands on.

    `heard` is the number of the newest change (ChangeFeed) that the server had applied before it began to make the
    answer. `state` is a digest of the state of the study under which it was fetched (study_state.state_digest), b""
    for an answer of no study. `expires_s` is when it ends, in seconds since 1970, inf when it does not age.
    """

    value: bytes = field(repr=False)
    heard: int
    state: bytes
    expires_s: float


class FoundAnswer(NamedTuple):
    """A shared answer, how long ago it was shared, and how long it stays, in seconds by the clock of the tier."""

    answer: SharedAnswer
    age_s: float
    left_s: float


class StoreUsage(NamedTuple):
    """What the store behind the tier reports of itself: of all that lies there, whoever put it there.

    `limit_bytes` is 0 where it has none. `evictions` are since it started.
    """

    used_bytes: int
    limit_bytes: int
    entries: int
    evictions: int


class SharedAnswers(Protocol):
    """Where servers share answers. Losing one is never an error."""

    async def get(self, key: CacheKey) -> FoundAnswer | None:
        """The answer, None when there is none or its key was erased.

        Raises:
            SharedTierError: the tier does not answer in time, or can't be reached.
            DamagedAnswerError: the answer is not usable.
        """
        ...

    async def put(self, key: CacheKey, answer: SharedAnswer, ttl_s: float) -> None:
        """Share the answer for `ttl_s` seconds in place of an older one. One of a study that has no key is not shared.

        Raises:
            SharedTierError: as for `get`.
            SharedTierFullError: there is no room.
        """
        ...

    async def remove(self, key: CacheKey) -> None:
        """Share it no more. Raises SharedTierError."""
        ...

    async def store_usage(self) -> StoreUsage:
        """What the store reports of itself, without looking at what lies there. Raises SharedTierError."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...
