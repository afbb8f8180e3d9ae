"""Looks at a modality worklist at intervals, and has the priors of who is scheduled prefetched."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from typing import Protocol

from radgate_server.core.access.ports.feed_readers import FeedReaders
from radgate_server.core.errors import PacsTimeoutError
from radgate_server.core.prefetch.expected import ExpectedStudy
from radgate_server.core.prefetch.priors import Trigger
from radgate_server.core.prefetch.worklist import Worklist, expected_studies
from radgate_server.lib.clock import Clock
from radgate_server.services.repeating import Repeating

_log = logging.getLogger(__name__)

MAX_STEPS = 2000
"""Steps that one look takes; what is beyond comes with no later look, so the log says so."""
DEADLINE_S = 60.0
"""How long a worklist may take for one answer."""
_LONGEST_WAIT = 4  # intervals between two looks at a worklist that fails


@dataclass(frozen=True, slots=True)
class WorklistSource:
    """A worklist of the tenant, which asks for steps of `days` days from today on, in the tenant's time zone."""

    name: str
    tenant_id: str
    zone: tzinfo
    interval_s: float
    days: int


class WorklistTelemetry(Protocol):
    """What is counted of looks at worklists; cheap, never fails."""

    def worklist_look(self, worklist: str, outcome: str) -> None:
        """A look ended: `read`, `failed`, or `skipped` since no rule wants it or another server looks."""
        ...


type Offer = Callable[[str, Trigger, ExpectedStudy], bool]
"""Takes an event of a tenant, as PrefetchEvents does."""

type IsWanted = Callable[[str, Trigger], Awaitable[bool]]
"""Whether a rule of the tenant is set off by such events."""


class WorklistReader(Repeating):
    """Of several servers one looks in each interval. Without a rule for it the worklist is not asked."""

    def __init__(
        self,
        source: WorklistSource,
        worklist: Worklist,
        readers: FeedReaders,
        is_wanted: IsWanted,
        offer: Offer,
        clock: Clock,
        telemetry: WorklistTelemetry,
    ) -> None:
        super().__init__(
            f"worklist-{source.name}",
            interval_s=source.interval_s,
            longest_wait_s=_LONGEST_WAIT * source.interval_s,
            trouble=f"the modality worklist {source.name} can't be read",
        )
        self._source = source
        self._worklist = worklist
        self._readers = readers
        self._is_wanted = is_wanted
        self._offer = offer
        self._clock = clock
        self._telemetry = telemetry
        self._holder = secrets.token_hex(8)

    async def look(self) -> None:
        """Ask once, unless another server does.

        Raises:
            PacsError: it does not answer.
            DatabaseUnavailableError: whose turn it is can't be read.
        """
        name = self._source.name
        if not await self._is_due():
            self._telemetry.worklist_look(name, "skipped")
            return
        try:
            await self._read()
        except Exception:
            self._telemetry.worklist_look(name, "failed")
            raise
        self._telemetry.worklist_look(name, "read")

    async def _is_due(self) -> bool:
        source = self._source
        if not await self._is_wanted(source.tenant_id, Trigger.WORKLIST):
            return False
        return await self._readers.claim(f"worklist {source.name}", self._holder, source.interval_s) is not None

    async def _read(self) -> None:
        source = self._source
        first = self._clock.now().astimezone(source.zone).date()
        last = first + timedelta(days=source.days - 1)
        try:
            async with asyncio.timeout(DEADLINE_S):
                answer = await self._worklist.find_steps(first, last, max_results=MAX_STEPS)
        except TimeoutError:
            raise PacsTimeoutError(f"it did not end its answer within {DEADLINE_S:g} s", pacs=source.name) from None
        studies, left_out = expected_studies(answer.steps, first, last)
        if answer.truncated:
            _log.warning("a modality worklist has more steps than are taken", extra=self._about(MAX_STEPS))
        if left_out or answer.malformed:
            about = {**self._about(left_out), "malformed": answer.malformed}
            _log.warning("steps of a modality worklist were left out", extra=about)
        for study in studies:
            self._offer(source.tenant_id, Trigger.WORKLIST, study)

    def _about(self, count: int) -> dict[str, object]:
        return {"tenant": self._source.tenant_id, "pacs": self._source.name, "count": count}
