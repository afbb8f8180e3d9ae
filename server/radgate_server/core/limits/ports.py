"""Where limits are kept, and how processes report to each other what they admitted."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from radgate_server.core.limits.meters import Used
from radgate_server.core.limits.model import Limits, LimitSubject


class LimitDirectory(Protocol):
    """The limits that were set. All methods raise DatabaseUnavailableError."""

    async def list_limits(self) -> Mapping[LimitSubject, Limits]:
        """All of all tenants; those of a key are kept when it is revoked, and go with the tenant."""
        ...

    async def put_limits(self, subject: LimitSubject, limits: Limits) -> None:
        """Put them in place of what was set. Raises ResourceNotFoundError when there is no such tenant."""
        ...


class Reserved(NamedTuple):
    """How many requests were granted, and how many all processes have counted by then, these included."""

    granted: int
    counted: int


def granted_of(wanted: int, counted: int, most: int) -> int:
    """How many of the requests that are wanted may be reserved."""
    left = max(0, most - counted)
    return min(wanted, left, max(1, left // 4))


class UsageLedger(Protocol):
    """What was used of daily quotas; it outlives processes, and is the same for all."""

    async def add(self, day: int, used: Mapping[LimitSubject, Used]) -> Mapping[LimitSubject, Used]:
        """Add to what was used on the day (the ordinal of a date of UTC); all that was used on it by then.

        Raises:
            DatabaseUnavailableError: nothing was added.
        """
        ...

    async def reserve(self, day: int, subject: LimitSubject, wanted: int, most: int) -> Reserved:
        """Count up to `wanted` requests of the day before they come: never more than `most` in all.

        One gets a quarter of what is left at most, lest one process have all.

        Raises:
            DatabaseUnavailableError: nothing was reserved.
        """
        ...


class SharedUse(NamedTuple):
    """What one process reports of a subject: the limits that it goes by, and what it took since it reported last.

    `running` requests it runs, and holds no other slots any more; it wants `wanted` slots besides, while all processes
    hold fewer than `most`.
    """

    subject: LimitSubject
    rate: float
    burst: float
    requests: float
    bytes_per_second: float
    bytes: float
    running: int
    wanted: int = 0
    most: int = 0


class SharedState(NamedTuple):
    """What all processes left: tokens of the two buckets, below 0 in debt; and how many slots were granted."""

    requests: float
    bytes: float
    granted: int


class SharedMeters(Protocol):
    """The meters that all processes share."""

    async def exchange(self, uses: Sequence[SharedUse]) -> Sequence[SharedState]:
        """Report these, in one round trip; the state of each, in the same order.

        Raises:
            ConnectionError: what is shared can't be reached.
        """
        ...

    async def close(self) -> None:
        """Report nothing more."""
        ...


class LimitTelemetry(Protocol):
    """What limits report of themselves; cheap, never fails."""

    def refused(self, tenant_id: str, reason: str) -> None:
        """A request was refused; `reason` as in the catalogue of errors."""
        ...

    def delayed(self, tenant_id: str, seconds: float) -> None:
        """A stream's next message waits, so that the bandwidth is kept to."""
        ...

    def sharing(self, works: bool) -> None:
        """Whether it is known what other processes admitted."""
        ...

    def usage_written(self, works: bool) -> None:
        """Whether what is used of daily quotas can be written down."""
        ...
