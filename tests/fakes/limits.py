"""Limits, what was used of quotas, and what processes share of limits, in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.core.limits.meters import Used
from radgate_server.core.limits.model import LimitSubject
from radgate_server.core.limits.ports import Reserved, SharedState, SharedUse, granted_of


@dataclass
class MemoryLedger:
    """UsageLedger. `broken`, it can't be reached."""

    days: dict[int, dict[LimitSubject, Used]] = field(default_factory=dict)
    broken: bool = False

    async def add(self, day: int, used: Mapping[LimitSubject, Used]) -> Mapping[LimitSubject, Used]:
        if self.broken:
            raise DatabaseUnavailableError("the database can't be reached")
        today = self.days.setdefault(day, {})
        for subject, more in used.items():
            before = today.get(subject, Used())
            today[subject] = Used(before.requests + more.requests, before.bytes + more.bytes)
        return dict(today)

    async def reserve(self, day: int, subject: LimitSubject, wanted: int, most: int) -> Reserved:
        counted = (await self.add(day, {})).get(subject, Used()).requests
        granted = granted_of(wanted, counted, most)
        await self.add(day, {subject: Used(granted, 0)})
        return Reserved(granted, counted + granted)


@dataclass
class ScriptedMeters:
    """SharedMeters that answer what a test says: a state for all, or a failure."""

    state: SharedState | ConnectionError
    reported: list[SharedUse] = field(default_factory=list)
    closed: bool = False

    async def exchange(self, uses: Sequence[SharedUse]) -> Sequence[SharedState]:
        self.reported.extend(uses)
        if isinstance(self.state, ConnectionError):
            raise self.state
        return [self.state] * len(uses)

    async def close(self) -> None:
        self.closed = True


@dataclass
class RecordingLimitTelemetry:
    """LimitTelemetry that remembers."""

    refusals: list[tuple[str, str]] = field(default_factory=list)
    delays: list[tuple[str, float]] = field(default_factory=list)
    shared: list[bool] = field(default_factory=list)
    written: list[bool] = field(default_factory=list)

    def refused(self, tenant_id: str, reason: str) -> None:
        self.refusals.append((tenant_id, reason))

    def delayed(self, tenant_id: str, seconds: float) -> None:
        self.delays.append((tenant_id, seconds))

    def sharing(self, works: bool) -> None:
        self.shared.append(works)

    def usage_written(self, works: bool) -> None:
        self.written.append(works)
