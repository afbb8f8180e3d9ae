"""Telemetry as Prometheus metrics, in a registry of their own."""

from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import product
from pathlib import Path

from prometheus_client import GCCollector, PlatformCollector, ProcessCollector

from radgate_server.adapters.telemetry.metrics.families import NAMED, Families, example
from radgate_server.adapters.telemetry.metrics.loop import LoopMetrics
from radgate_server.adapters.telemetry.metrics.state import StateMetrics
from radgate_server.core.gateway.answers import GatewayAnswers
from radgate_server.core.jobs.job import JobKind, JobState, QueueLoad
from radgate_server.core.pacs.health import BreakerState
from radgate_server.core.telemetry.certificates import CertificateUse


class PrometheusTelemetry:
    """Telemetry that counts, by the catalogue. `registry` is what MetricsServer shows.

    Of tenants, and of PACS, at most `named` are distinguished.
    """

    def __init__(self, *, named: int = NAMED) -> None:
        self.families = Families(limit=named)
        self.registry = self.families.registry
        self._of = self.families.of
        self._state = StateMetrics(self.families)
        on_loop = LoopMetrics(self.families)
        for collector in (on_loop, self._state):
            self.registry.register(collector)
        # What each call reports goes there without a method between.
        self.call_began = on_loop.call_began
        self.call_ended = on_loop.call_ended
        self.rpc_finished = on_loop.rpc_finished
        self.cache_lookup = on_loop.cache_lookup
        self.study_access = on_loop.study_access
        self.image_job = on_loop.image_job
        self._down_by: dict[tuple[str, str], str] = {}
        self._begin_at_zero()
        for of_python in (ProcessCollector, PlatformCollector, GCCollector):
            of_python(registry=self.registry)

    def _begin_at_zero(self) -> None:
        """Let counters that alerts watch be there before the first failure: Prometheus sees no growth from nothing."""
        for kind, state in product(JobKind, JobState):
            if state.final:
                self._of("radgate_jobs_ended", kind.value, state.value)

    def cache_failed(self, tier: str, cause: str) -> None:
        """A tier could not keep or read something."""
        self._of("radgate_cache_failures", tier, cause).inc()

    def cache_operation(self, tier: str, operation: str, outcome: str, seconds: float) -> None:
        """A tier beyond this machine answered."""
        self._of("radgate_cache_operations", tier, operation, outcome).inc()
        self._of("radgate_cache_operation_seconds", tier, operation).observe(seconds, example())

    def cache_bytes(self, tier: str, direction: str, count: int) -> None:
        """Bytes were read from a tier beyond this machine, or written to it."""
        self._of("radgate_cache_moved_bytes", tier, direction).inc(count)

    def pacs_call(self, tenant_id: str, pacs: str, operation: str, outcome: str, seconds: float) -> None:
        """An operation at a PACS ended."""
        self._of("radgate_pacs_calls", tenant_id, pacs, operation, outcome).inc()
        self._of("radgate_pacs_call_seconds", tenant_id, pacs, operation).observe(seconds, example())

    def pacs_associations(self, tenant_id: str, pacs: str, in_use: int, idle: int) -> None:
        """So many DIMSE associations are open."""
        self._of("radgate_pacs_associations", tenant_id, pacs, "in-use").set(in_use)
        self._of("radgate_pacs_associations", tenant_id, pacs, "idle").set(idle)

    def bytes_received(self, tenant_id: str, pacs: str, count: int) -> None:
        """Bytes of instances came from a PACS."""
        self._of("radgate_pacs_received_bytes", tenant_id, pacs).inc(count)

    def instance_refused(self, tenant_id: str, pacs: str, reason: str) -> None:
        """An instance that a PACS sent was not taken."""
        self._of("radgate_pacs_instances_refused", tenant_id, pacs, reason).inc()

    def instance_quarantined(self, outcome: str) -> None:
        """A refused instance was stored, or why not."""
        self._of("radgate_quarantine_instances", outcome).inc()

    def patient_differs(self, tenant_id: str, pacs: str) -> None:
        """An instance that a PACS sent names another patient."""
        self._of("radgate_pacs_patient_mismatches", tenant_id, pacs).inc()

    def peer_received(self, count: int) -> None:
        """An instance of so many bytes came from a peer, and not from the PACS."""
        self._of("radgate_peer_instances").inc()
        self._of("radgate_peer_received_bytes").inc(count)

    def study_taken_over(self) -> None:
        """The claim of a study was taken over from a peer that failed."""
        self._of("radgate_study_takeovers").inc()

    def association_refused(self, reason: str) -> None:
        """The storage SCP turned away an association."""
        self._of("radgate_dimse_associations_refused", reason).inc()

    def study_prefetched(self, outcome: str, fetched_bytes: int) -> None:
        """A job is through with a study."""
        self._of("radgate_prefetched_studies", outcome).inc()
        self._of("radgate_prefetched_bytes").inc(fetched_bytes)

    def prefetch_event(self, source: str, outcome: str) -> None:
        """An event that may set rules of prefetching off was handled, or not."""
        self._of("radgate_prefetch_events", source, outcome).inc()

    def pacs_retried(self, tenant_id: str, pacs: str, operation: str) -> None:
        """An operation at a PACS failed and is tried again."""
        self._of("radgate_pacs_retries", tenant_id, pacs, operation).inc()

    def pacs_breaker(self, tenant_id: str, pacs: str, operation: str, state: str) -> None:
        """A circuit breaker changed its state."""
        for each in BreakerState:
            self._of("radgate_pacs_breaker_state", tenant_id, pacs, operation, each.value).set(each.value == state)

    def pacs_health(self, tenant_id: str, pacs: str, up: bool, reason: str = "") -> None:
        """A probe of a PACS ended; `reason` is why it failed."""
        self._of("radgate_pacs_up", tenant_id, pacs).set(up)
        if (former := self._down_by.pop((tenant_id, pacs), "")) not in ("", reason):
            self._of("radgate_pacs_down", tenant_id, pacs, former).set(0)
        if reason:
            self._down_by[tenant_id, pacs] = reason
            self._of("radgate_pacs_down", tenant_id, pacs, reason).set(1)

    def gateway_answers(self, answers: GatewayAnswers) -> None:
        """What the gateway has answered since it started."""
        self._state.gateway = answers

    def pacs_on_backup(self, tenant_id: str, pacs: str, on_backup: bool) -> None:
        """Whether a backup does the work of this PACS."""
        self._of("radgate_pacs_on_backup", tenant_id, pacs).set(on_backup)

    def pacs_forgotten(self, tenant_id: str, pacs: str) -> None:
        """A PACS is probed no more."""
        self.families.forget("radgate_pacs_up", tenant_id, pacs)
        self.families.forget("radgate_pacs_on_backup", tenant_id, pacs)
        if reason := self._down_by.pop((tenant_id, pacs), ""):
            self.families.forget("radgate_pacs_down", tenant_id, pacs, reason)

    def pacs_waiting(self, tenant_id: str, pacs: str, waiting: int, running: int) -> None:
        """So many operations wait for the PACS, and so many run."""
        self._of("radgate_pacs_waiting", tenant_id, pacs).set(waiting)
        self._of("radgate_pacs_running", tenant_id, pacs).set(running)

    def failover(self, tenant_id: str, primary: str, cause: str) -> None:
        """Another PACS of a group is active."""
        self._of("radgate_pacs_failovers", tenant_id, primary, cause).inc()

    def image_worker_ended(self, cause: str) -> None:
        """A worker for images ended."""
        self._of("radgate_image_workers_ended", cause).inc()

    def job_ended(self, kind: str, state: str) -> None:
        """A job ended."""
        self._of("radgate_jobs_ended", kind, state).inc()

    def job_notice(self, outcome: str) -> None:
        """A notice of a job was sent, received, refused or dropped, or something became a dead letter."""
        self._of("radgate_job_notices", outcome).inc()

    def audit_failed(self) -> None:
        """An access could not be recorded."""
        self._of("radgate_audit_failures").inc()

    def alert_notice(self, receiver: str, outcome: str) -> None:
        """A notice was "sent" to a receiver of alerts, or "failed" or was "dropped"."""
        self._of("radgate_alert_notices", receiver, outcome).inc()

    def certificates(self, expiries: Mapping[CertificateUse, datetime | None]) -> None:
        """Until when each certificate is good; None for one that can't be read."""
        self._state.certificates = dict(expiries)

    def identity_provider(self, name: str, well: bool) -> None:
        """Whether the keys of an identity provider could be read."""
        self._of("radgate_identity_provider_up", name).set(well)

    def health_checks(self, checks: Mapping[str, bool]) -> None:
        """Whether each part that serving needs does its work."""
        self._state.checks = dict(checks)

    def database_statement(self, statement: str, seconds: float) -> None:
        """The database answered a statement."""
        self._of("radgate_database_seconds", statement).observe(seconds)

    def database_failed(self, cause: str) -> None:
        """A statement or a connection failed."""
        self._of("radgate_database_errors", cause).inc()

    def watch_database(self, connections: Callable[[], tuple[int, int]], limit: int) -> None:
        """Ask (from any thread) how many connections are in use, and idle, whenever metrics are read."""
        self._of("radgate_database_connections", "in-use").set_function(lambda: connections()[0])
        self._of("radgate_database_connections", "idle").set_function(lambda: connections()[1])
        self._of("radgate_database_connections_limit").set(limit)

    def watch_jobs(self, load: Callable[[], QueueLoad]) -> None:
        """Ask (from any thread) how jobs on whole studies do whenever metrics are read."""
        self._of("radgate_jobs_waiting").set_function(lambda: load().waiting)
        self._of("radgate_jobs_paused").set_function(lambda: load().paused)
        self._of("radgate_jobs_running").set_function(lambda: load().running)
        self._of("radgate_jobs_oldest_waiting_seconds").set_function(lambda: load().oldest_s)

    def watch_image_workers(self, ready: Callable[[], int]) -> None:
        """Ask (from any thread) how many workers take jobs whenever metrics are read."""
        self._of("radgate_image_workers_ready").set_function(ready)

    def spans_left(self, outcome: str, count: int) -> None:
        """Spans were "sent" to the collector, or "failed" to be."""
        self._of("radgate_trace_spans", outcome).inc(count)

    def watch_disk(self, folder: Path) -> None:
        """Look at the room on the disk of `folder` whenever metrics are read."""
        self._state.folder = folder

    def watch_image_queue(self, priority: str, waiting: Callable[[], int], oldest_s: Callable[[], float]) -> None:
        """Ask (from any thread) how many jobs wait, and for how long the oldest, whenever metrics are read."""
        self._of("radgate_image_jobs_waiting", priority).set_function(waiting)
        self._of("radgate_image_oldest_waiting_seconds", priority).set_function(oldest_s)

    def watch_cache(self, tier: str, used_bytes: Callable[[], int], limit_bytes: int) -> None:
        """Ask `used_bytes` (from any thread) how full the tier is whenever metrics are read."""
        self._of("radgate_cache_used_bytes", tier).set_function(used_bytes)
        self._of("radgate_cache_limit_bytes", tier).set(limit_bytes)
