"""Telemetry as Prometheus metrics, in a registry of their own."""

from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import product
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

from radgate_server.adapters.telemetry.loop_metrics import BOUNDS_S, LoopMetrics
from radgate_server.adapters.telemetry.state_metrics import StateMetrics
from radgate_server.core.certificates import CertificateUse
from radgate_server.core.health import BreakerState
from radgate_server.core.jobs import JobKind, JobState


class PrometheusTelemetry:
    """Telemetry that counts. `registry` is what MetricsServer shows.

    No label can take endless values: methods, codes, tiers and operations are ours, PACS are configured.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._on_loop = LoopMetrics()
        self.registry.register(self._on_loop)
        self._state = StateMetrics()
        self.registry.register(self._state)
        self._pacs_calls = Counter(
            "radgate_pacs_calls",
            "Operations at a PACS that ended.",
            ("pacs", "operation", "outcome"),
            registry=self.registry,
        )
        self._pacs_seconds = Histogram(
            "radgate_pacs_call_seconds",
            "How long operations at a PACS took.",
            ("pacs", "operation"),
            buckets=BOUNDS_S,
            registry=self.registry,
        )
        self._received = Counter(
            "radgate_pacs_received_bytes", "Bytes of instances from a PACS.", ("pacs",), registry=self.registry
        )
        self._retries = Counter(
            "radgate_pacs_retries", "Operations tried again.", ("tenant", "pacs", "operation"), registry=self.registry
        )
        self._breakers = Gauge(
            "radgate_pacs_breaker_state",
            "1 for the state that the circuit breaker is in.",
            ("tenant", "pacs", "operation", "state"),
            registry=self.registry,
        )
        self._up = Gauge(
            "radgate_pacs_up", "Whether the last probe went well.", ("tenant", "pacs"), registry=self.registry
        )
        self._waiting = Gauge(
            "radgate_pacs_waiting", "Operations that wait for the PACS.", ("tenant", "pacs"), registry=self.registry
        )
        self._running = Gauge(
            "radgate_pacs_running", "Operations under way at the PACS.", ("tenant", "pacs"), registry=self.registry
        )
        self._failovers = Counter(
            "radgate_pacs_failovers",
            "Changes of the active PACS.",
            ("tenant", "primary", "cause"),
            registry=self.registry,
        )
        self._cache_failures = Counter(
            "radgate_cache_failures",
            "What a cache tier could not keep or read.",
            ("tier", "cause"),
            registry=self.registry,
        )
        self._used = Gauge("radgate_cache_used_bytes", "What a cache tier holds.", ("tier",), registry=self.registry)
        self._limit = Gauge("radgate_cache_limit_bytes", "What it may hold.", ("tier",), registry=self.registry)
        self._workers_ended = Counter(
            "radgate_image_workers_ended", "Image workers that were replaced.", ("cause",), registry=self.registry
        )
        self._images_waiting = Gauge(
            "radgate_image_jobs_waiting", "Jobs without a worker yet.", ("priority",), registry=self.registry
        )
        self._oldest_image = Gauge(
            "radgate_image_oldest_waiting_seconds",
            "For how long the oldest of them waits.",
            ("priority",),
            registry=self.registry,
        )
        self._jobs_ended = Counter("radgate_jobs_ended", "Jobs that ended.", ("kind", "state"), registry=self.registry)
        self._audit_failures = Counter(
            "radgate_audit_failures", "Accesses refused because they could not be recorded.", registry=self.registry
        )
        self._notices = Counter(
            "radgate_alert_notices", "Notices to receivers of alerts.", ("receiver", "outcome"), registry=self.registry
        )
        self._begin_at_zero()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)

    def _begin_at_zero(self) -> None:
        """Let counters that alerts watch be there before the first failure: Prometheus sees no growth from nothing."""
        for kind, state in product(JobKind, JobState):
            if state.final:
                self._jobs_ended.labels(kind.value, state.value)

    def rpc_finished(self, method: str, code: str, seconds: float) -> None:
        """An rpc ended. Call it on the event loop."""
        self._on_loop.add_rpc(method, code, seconds)

    def cache_lookup(self, tier: str, hit: bool) -> None:
        """A tier was asked. Call it on the event loop."""
        self._on_loop.add_lookup(tier, hit)

    def cache_failed(self, tier: str, cause: str) -> None:
        """A tier could not keep or read something."""
        self._cache_failures.labels(tier, cause).inc()

    def pacs_call(self, pacs: str, operation: str, outcome: str, seconds: float) -> None:
        """An operation at a PACS ended."""
        self._pacs_calls.labels(pacs, operation, outcome).inc()
        self._pacs_seconds.labels(pacs, operation).observe(seconds)

    def bytes_received(self, pacs: str, count: int) -> None:
        """Bytes of instances came from a PACS."""
        self._received.labels(pacs).inc(count)

    def pacs_retried(self, tenant_id: str, pacs: str, operation: str) -> None:
        """An operation at a PACS failed and is tried again."""
        self._retries.labels(tenant_id, pacs, operation).inc()

    def pacs_breaker(self, tenant_id: str, pacs: str, operation: str, state: str) -> None:
        """A circuit breaker changed its state."""
        for each in BreakerState:
            self._breakers.labels(tenant_id, pacs, operation, each.value).set(each.value == state)

    def pacs_health(self, tenant_id: str, pacs: str, up: bool) -> None:
        """A probe of a PACS ended."""
        self._up.labels(tenant_id, pacs).set(up)

    def pacs_forgotten(self, tenant_id: str, pacs: str) -> None:
        """A PACS is probed no more."""
        self._up.remove(tenant_id, pacs)

    def pacs_waiting(self, tenant_id: str, pacs: str, waiting: int, running: int) -> None:
        """So many operations wait for the PACS, and so many run."""
        self._waiting.labels(tenant_id, pacs).set(waiting)
        self._running.labels(tenant_id, pacs).set(running)

    def failover(self, tenant_id: str, primary: str, cause: str) -> None:
        """Another PACS of a group is active."""
        self._failovers.labels(tenant_id, primary, cause).inc()

    def image_job(self, operation: str, priority: str, outcome: str, seconds: float) -> None:
        """A worker is through with a job. Call it on the event loop."""
        self._on_loop.add_image_job(operation, priority, outcome, seconds)

    def image_worker_ended(self, cause: str) -> None:
        """A worker for images ended."""
        self._workers_ended.labels(cause).inc()

    def job_ended(self, kind: str, state: str) -> None:
        """A job ended."""
        self._jobs_ended.labels(kind, state).inc()

    def audit_failed(self) -> None:
        """An access could not be recorded."""
        self._audit_failures.inc()

    def alert_notice(self, receiver: str, outcome: str) -> None:
        """A notice was "sent" to a receiver of alerts, or "failed" or was "dropped"."""
        self._notices.labels(receiver, outcome).inc()

    def certificates(self, expiries: Mapping[CertificateUse, datetime | None]) -> None:
        """Until when each certificate is good; None for one that can't be read."""
        self._state.certificates = dict(expiries)

    def health_checks(self, checks: Mapping[str, bool]) -> None:
        """Whether each part that serving needs does its work."""
        self._state.checks = dict(checks)

    def watch_disk(self, folder: Path) -> None:
        """Look at the room on the disk of `folder` whenever metrics are read."""
        self._state.folder = folder

    def watch_image_queue(self, priority: str, waiting: Callable[[], int], oldest_s: Callable[[], float]) -> None:
        """Ask (from any thread) how many jobs wait, and for how long the oldest, whenever metrics are read."""
        self._images_waiting.labels(priority).set_function(waiting)
        self._oldest_image.labels(priority).set_function(oldest_s)

    def watch_cache(self, tier: str, used_bytes: Callable[[], int], limit_bytes: int) -> None:
        """Ask `used_bytes` (from any thread) how full the tier is whenever metrics are read."""
        self._used.labels(tier).set_function(used_bytes)
        self._limit.labels(tier).set(limit_bytes)
