"""Puts limits, repetition and circuit breakers around the PACS of all tenants."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial

from radgate_server.core.errors import PacsCircuitOpenError, PacsError
from radgate_server.core.pacs.connections import PacsConfig
from radgate_server.core.pacs.health import BreakerState, Liveness, OperationState
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.lib.clock import Clock
from radgate_server.lib.condition_log import ConditionLog
from radgate_server.services.pacs.resilience.admission import Admission, OperationQueue, QueueKey, Urgency
from radgate_server.services.pacs.resilience.backoff import Backoff, Uniform
from radgate_server.services.pacs.resilience.breaker import Breaker, BreakerPolicy
from radgate_server.services.pacs.resilience.calls_in_progress import CallsInProgress
from radgate_server.services.pacs.resilience.fair_gate import FairGate
from radgate_server.services.pacs.resilience.guarded_roles import guard_roles, operations_of
from radgate_server.services.pacs.resilience.liveness import LivenessMeter
from radgate_server.services.pacs.resilience.operations import ALWAYS_ASKED, Operation
from radgate_server.services.pacs.resilience.pacs_calls import CallResources, PacsCaller
from radgate_server.settings.pacs import PacsSettings

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Known:
    """What is known of one PACS, as it is set up now."""

    breakers: dict[Operation, Breaker] = field(default_factory=dict)
    liveness: LivenessMeter = field(default_factory=LivenessMeter)
    calls: CallsInProgress = field(default_factory=CallsInProgress)
    conditions: dict[Operation, ConditionLog] = field(default_factory=dict)


class PacsGuard:
    """One per process. `uniform` and `sleep` are chance and time for the back-off."""

    def __init__(
        self,
        settings: PacsSettings,
        clock: Clock,
        telemetry: Telemetry,
        *,
        uniform: Uniform = random.uniform,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._telemetry = telemetry
        self._admission = Admission(per_endpoint=settings.max_concurrent, per_tenant=settings.max_concurrent_per_tenant)
        self._resources = CallResources(
            gate=FairGate(self._admission, telemetry),
            max_wait_s=_longest_waits(settings),
            backoff=Backoff(settings.max_retries),
            # Queries are given up at their deadline, before a connection's idle time-out: else a PACS that fell silent
            # would never be found out. Half of it, since part of the time may go by in line.
            patience_s=settings.query_deadline_s / 2,
            clock=clock,
            telemetry=telemetry,
            uniform=uniform,
            sleep=sleep,
        )
        self._known: dict[tuple[str, str], _Known] = {}

    def wrap(self, config: PacsConfig, client: PacsClient) -> PacsClient:
        """The same PACS under guard, its breakers closed: the same roles, and the describer as it is.

        Closing the client that is returned also ends what is known of the PACS here. If it was wrapped again since, its
        settings changed: calls in progress with the old ones may end first.
        """
        known = _Known()
        for operation in operations_of(client):
            changed = partial(self._changed, config, known, operation)
            known.breakers[operation] = Breaker(self._policy(operation), changed)
            known.conditions[operation] = ConditionLog(_log, f"PACS {config.name} fails at {operation.value}")
        self.forget(config.tenant_id, config.name)
        self._known[config.tenant_id, config.name] = known
        queues = {urgency: self._queue(config, urgency) for urgency in Urgency}
        failed = partial(self._failed, config, known)
        pacs_caller = PacsCaller(queues, known.breakers, known.liveness, known.calls, self._resources, failed)
        return replace(guard_roles(client, pacs_caller), close=partial(self._close, config, known, client))

    def states(self, tenant_id: str, name: str) -> tuple[OperationState, ...]:
        """How each operation of the PACS is doing; nothing for one that is not connected."""
        return tuple(
            OperationState(operation.value, breaker.state, breaker.consecutive_failures)
            for operation, breaker in self._of(tenant_id, name).breakers.items()
        )

    def liveness(self, tenant_id: str, name: str) -> Liveness:
        """What those at work at the PACS hear of it."""
        return self._of(tenant_id, name).liveness.liveness(self._clock.monotonic_s())

    def note_recovery(self, tenant_id: str, name: str) -> None:
        """The PACS answered a health check: open breakers let one call try at once, and close if that is answered.

        They don't close on the sign alone: a PACS may answer C-ECHO while its database is down.
        """
        for breaker in self._of(tenant_id, name).breakers.values():
            breaker.try_soon(self._clock.monotonic_s())

    def share(self, servers: int) -> None:
        """So many servers use the PACS at the same time: keep to a share of each limit."""
        self._resources.gate.share(servers)

    def forget(self, tenant_id: str, name: str) -> None:
        """The PACS is gone or was set up again: what it did before no longer counts."""
        for operation, breaker in self._known.pop((tenant_id, name), _Known()).breakers.items():
            if breaker.state is not BreakerState.CLOSED:
                self._telemetry.pacs_breaker(tenant_id, name, operation.value, BreakerState.CLOSED.value)

    def _of(self, tenant_id: str, name: str) -> _Known:
        """What is known of the PACS; of one that is not connected, nothing."""
        return self._known.get((tenant_id, name)) or _Known()

    async def _close(self, config: PacsConfig, known: _Known, client: PacsClient) -> None:
        if self._is_current(config, known):
            self.forget(config.tenant_id, config.name)
        else:
            await known.calls.end(self._resources.sleep)
        await client.close()

    def _changed(self, config: PacsConfig, known: _Known, operation: Operation, state: BreakerState) -> None:
        if not self._is_current(config, known):  # the end of a call to a PACS that was set up again meanwhile
            return
        self._telemetry.pacs_breaker(config.tenant_id, config.name, operation.value, state.value)
        if state is BreakerState.CLOSED:
            known.conditions[operation].succeeded(**_where(config, operation))

    def _failed(self, config: PacsConfig, known: _Known, operation: Operation, error: PacsError) -> None:
        """Log why the PACS is not asked for now: once while that lasts, not each time that it is retried."""
        is_open = known.breakers[operation].state is BreakerState.OPEN
        if is_open and not isinstance(error, PacsCircuitOpenError) and self._is_current(config, known):
            known.conditions[operation].failed(error.message, **_where(config, operation))

    def _is_current(self, config: PacsConfig, known: _Known) -> bool:
        return self._known.get((config.tenant_id, config.name)) is known

    def _policy(self, operation: Operation) -> BreakerPolicy:
        failures = None if operation in ALWAYS_ASKED else self._settings.breaker_failures
        return BreakerPolicy(failures, self._settings.breaker_open_s)

    def _queue(self, config: PacsConfig, urgency: Urgency) -> OperationQueue:
        queue_key = QueueKey(
            endpoint=config.connection.endpoint,
            tenant_id=config.tenant_id,
            pacs=config.name,
            connections=min(config.connection.max_parallel, self._settings.max_concurrent),
            urgency=urgency,
        )
        return self._admission.queue(queue_key)


def _where(config: PacsConfig, operation: Operation) -> dict[str, str]:
    return {"tenant": config.tenant_id, "pacs": config.name, "operation": operation.value}


def _longest_waits(settings: PacsSettings) -> dict[Operation, float]:
    """A probe must learn before its time is up that it was our limits that held it up, not the PACS."""
    waits_s = dict.fromkeys(Operation, settings.max_wait_s)
    waits_s[Operation.ECHO] = min(settings.max_wait_s, settings.probe_timeout_s / 2)
    return waits_s
