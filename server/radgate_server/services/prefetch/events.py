"""Events that may set rules off: they wait here, so that whoever reports one waits for no PACS."""

import asyncio
import logging
from collections import defaultdict
from dataclasses import dataclass, replace

from radgate_server.core.errors import GatewayError
from radgate_server.core.jobs.job import describe_failure, is_of_the_input
from radgate_server.core.prefetch.expected import ExpectedStudy, TriggerOutcome
from radgate_server.core.prefetch.priors import Trigger
from radgate_server.services.cache.watching import StudyEvent
from radgate_server.services.prefetch.triggering import PriorTrigger, TriggerTelemetry
from radgate_server.services.repeating import Sleep

_log = logging.getLogger(__name__)

MAX_WAITING = 1000
"""Events of all tenants that wait at one server, those that are tried again among them; more are dropped."""
MAX_WAITING_OF_TENANT = 500
RETRIES_S = (10.0, 60.0, 300.0)
"""Pauses after which an event is tried again that failed for a reason that may pass."""
WORKERS = 2


@dataclass(frozen=True, slots=True)
class _Event:
    tenant_id: str
    source: Trigger
    expected: ExpectedStudy
    retries: int = 0

    @property
    def key(self) -> tuple[Trigger, str]:
        """The same of what is reported again."""
        return self.source, self.expected.identity


class PrefetchEvents:
    """Hands events to the trigger, two at a time. What waits is lost when the process ends."""

    def __init__(self, trigger: PriorTrigger, telemetry: TriggerTelemetry, *, sleep: Sleep = asyncio.sleep) -> None:
        self._trigger = trigger
        self._telemetry = telemetry
        self._sleep = sleep
        self._queue: asyncio.Queue[_Event] = asyncio.Queue()
        self._waiting: defaultdict[str, set[tuple[Trigger, str]]] = defaultdict(set)
        self._count = 0
        self._dropped = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Work from now on."""
        for _ in range(WORKERS):
            self._spawn(self._work())

    async def close(self) -> None:
        """Work no more."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def offer(self, tenant_id: str, source: Trigger, expected: ExpectedStudy) -> bool:
        """Take the event, or drop it when too many wait; returns whether it was taken. Never fails.

        One that waits already is taken, and waits once.
        """
        event = _Event(tenant_id, source, expected)
        waiting = self._waiting.get(tenant_id, ())
        if event.key in waiting:
            self._telemetry.prefetch_event(source.value, TriggerOutcome.REPEATED.value)
            return True
        if self._count >= MAX_WAITING or len(waiting) >= MAX_WAITING_OF_TENANT:
            self._drop(tenant_id, source)
            return False
        self._waiting[tenant_id].add(event.key)
        self._count += 1
        self._queue.put_nowait(event)
        return True

    async def is_wanted(self, tenant_id: str, source: Trigger) -> bool:
        """Whether a rule of the tenant is set off by such events. Raises DatabaseUnavailableError."""
        return await self._trigger.has_rule(tenant_id, source)

    def reported(self, tenant_id: str, event: StudyEvent) -> None:
        """A PACS reports a change: what it has of a study is an arrival. Never fails."""
        if event.study_instance_uid and not event.removed:
            arrived = ExpectedStudy("", study_instance_uid=event.study_instance_uid)
            self.offer(tenant_id, Trigger.ARRIVAL, arrived)

    async def handle_next(self) -> None:
        """Wait for an event and handle it."""
        event = await self._queue.get()
        try:
            await self._trigger.expect(event.tenant_id, event.source, event.expected)
        except Exception as error:  # noqa: BLE001 - whatever it was, the next event is another one
            if event.retries < len(RETRIES_S) and _may_pass(error):
                self._spawn(self._again(event))
                return
            self._give_up(event, error)
        self._release(event)

    async def _work(self) -> None:
        while True:
            await self.handle_next()
            if self._dropped and self._queue.empty():
                _log.warning(
                    "events for prefetching were dropped since too many waited", extra={"count": self._dropped}
                )
                self._dropped = 0

    async def _again(self, event: _Event) -> None:
        await self._sleep(RETRIES_S[event.retries])
        self._queue.put_nowait(replace(event, retries=event.retries + 1))

    def _drop(self, tenant_id: str, source: Trigger) -> None:
        if not self._dropped:
            where = {"tenant": tenant_id, "source": source.value}
            _log.warning("too many events for prefetching wait; more are dropped", extra=where)
        self._dropped += 1
        self._telemetry.prefetch_event(source.value, TriggerOutcome.DROPPED.value)

    def _give_up(self, event: _Event, error: Exception) -> None:
        self._telemetry.prefetch_event(event.source.value, TriggerOutcome.FAILED.value)
        where = {"tenant": event.tenant_id, "source": event.source.value, "reason": describe_failure(error).reason}
        # A traceback of what is not foreseen; it shows no values.
        defect = None if isinstance(error, GatewayError) else error
        _log.warning("priors of an expected study are not prefetched", extra=where, exc_info=defect)

    def _release(self, event: _Event) -> None:
        self._count -= 1
        self._waiting[event.tenant_id].discard(event.key)
        if not self._waiting[event.tenant_id]:
            del self._waiting[event.tenant_id]

    def _spawn(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.create_task(work, name="prefetch-events")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _may_pass(error: Exception) -> bool:
    """Whether a PACS, the database or the queue may have recovered when it is tried again."""
    return isinstance(error, GatewayError) and not is_of_the_input(error)
