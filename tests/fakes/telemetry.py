"""Telemetry that remembers, for tests to look at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from radgate_server.core.telemetry.certificates import CertificateUse
from radgate_server.core.telemetry.ports import Telemetry


class RpcCall(NamedTuple):
    method: str
    code: str
    seconds: float
    tenant_id: str
    first_byte_s: float | None


class PacsCall(NamedTuple):
    pacs: str
    operation: str
    outcome: str
    seconds: float


class ImageJob(NamedTuple):
    operation: str
    priority: str
    outcome: str
    seconds: float


@dataclass
class RecordingTelemetry(Telemetry):
    """Telemetry as lists of what was reported, in order; what no test looks at has no method here."""

    rpcs: list[RpcCall] = field(default_factory=list)
    lookups: list[tuple[str, bool]] = field(default_factory=list)
    pacs_calls: list[PacsCall] = field(default_factory=list)
    received: dict[str, int] = field(default_factory=dict)
    associations: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    in_progress: dict[str, int] = field(default_factory=dict)
    statements: list[str] = field(default_factory=list)
    database_failures: list[str] = field(default_factory=list)
    retries: list[tuple[str, str, str]] = field(default_factory=list)
    breakers: list[tuple[str, str, str, str]] = field(default_factory=list)
    probes: list[tuple[str, str, bool]] = field(default_factory=list)
    down_by: dict[tuple[str, str], str] = field(default_factory=dict)
    on_backup: dict[tuple[str, str], bool] = field(default_factory=dict)
    failovers: list[tuple[str, str, str]] = field(default_factory=list)
    waiting: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    image_jobs: list[ImageJob] = field(default_factory=list)
    workers_ended: list[str] = field(default_factory=list)
    cache_failures: list[tuple[str, str]] = field(default_factory=list)
    cache_operations: list[tuple[str, str, str]] = field(default_factory=list)
    cache_moved: dict[tuple[str, str], int] = field(default_factory=dict)
    forgotten: list[tuple[str, str]] = field(default_factory=list)
    associations_refused: list[str] = field(default_factory=list)
    instances_refused: list[tuple[str, str, str]] = field(default_factory=list)
    quarantined: list[str] = field(default_factory=list)
    patients_differing: list[tuple[str, str]] = field(default_factory=list)
    jobs: list[tuple[str, str]] = field(default_factory=list)
    audit_failures: int = 0
    notices: list[tuple[str, str]] = field(default_factory=list)
    expiries: dict[CertificateUse, datetime | None] = field(default_factory=dict)
    checks: dict[str, bool] = field(default_factory=dict)

    def call_began(self, tenant_id: str, connection: str) -> None:
        self.in_progress[tenant_id] = self.in_progress.get(tenant_id, 0) + 1

    def call_ended(self, tenant_id: str, connection: str) -> None:
        self.in_progress[tenant_id] -= 1

    def rpc_finished(
        self, method: str, code: str, seconds: float, *, tenant_id: str = "", first_byte_s: float | None = None
    ) -> None:
        self.rpcs.append(RpcCall(method, code, seconds, tenant_id, first_byte_s))

    def cache_lookup(self, tier: str, hit: bool) -> None:
        self.lookups.append((tier, hit))

    def pacs_call(self, tenant_id: str, pacs: str, operation: str, outcome: str, seconds: float) -> None:
        self.pacs_calls.append(PacsCall(pacs, operation, outcome, seconds))

    def pacs_associations(self, tenant_id: str, pacs: str, in_use: int, idle: int) -> None:
        self.associations[tenant_id, pacs] = (in_use, idle)

    def bytes_received(self, tenant_id: str, pacs: str, count: int) -> None:
        self.received[pacs] = self.received.get(pacs, 0) + count

    def instance_refused(self, tenant_id: str, pacs: str, reason: str) -> None:
        self.instances_refused.append((tenant_id, pacs, reason))

    def instance_quarantined(self, outcome: str) -> None:
        self.quarantined.append(outcome)

    def patient_differs(self, tenant_id: str, pacs: str) -> None:
        self.patients_differing.append((tenant_id, pacs))

    def pacs_retried(self, tenant_id: str, pacs: str, operation: str) -> None:
        self.retries.append((tenant_id, pacs, operation))

    def pacs_breaker(self, tenant_id: str, pacs: str, operation: str, state: str) -> None:
        self.breakers.append((tenant_id, pacs, operation, state))

    def pacs_health(self, tenant_id: str, pacs: str, up: bool, reason: str = "") -> None:
        self.probes.append((tenant_id, pacs, up))
        self.down_by[tenant_id, pacs] = reason

    def pacs_on_backup(self, tenant_id: str, pacs: str, on_backup: bool) -> None:
        self.on_backup[tenant_id, pacs] = on_backup

    def pacs_waiting(self, tenant_id: str, pacs: str, waiting: int, running: int) -> None:
        self.waiting[tenant_id, pacs] = (waiting, running)

    def failover(self, tenant_id: str, primary: str, cause: str) -> None:
        self.failovers.append((tenant_id, primary, cause))

    def image_job(self, operation: str, priority: str, outcome: str, seconds: float) -> None:
        self.image_jobs.append(ImageJob(operation, priority, outcome, seconds))

    def image_worker_ended(self, cause: str) -> None:
        self.workers_ended.append(cause)

    def cache_operation(self, tier: str, operation: str, outcome: str, seconds: float) -> None:
        self.cache_operations.append((tier, operation, outcome))

    def cache_bytes(self, tier: str, direction: str, count: int) -> None:
        self.cache_moved[tier, direction] = self.cache_moved.get((tier, direction), 0) + count

    def cache_failed(self, tier: str, cause: str) -> None:
        self.cache_failures.append((tier, cause))

    def association_refused(self, reason: str) -> None:
        self.associations_refused.append(reason)

    def pacs_forgotten(self, tenant_id: str, pacs: str) -> None:
        self.forgotten.append((tenant_id, pacs))

    def job_ended(self, kind: str, state: str) -> None:
        self.jobs.append((kind, state))

    def database_statement(self, statement: str, seconds: float) -> None:
        self.statements.append(statement)

    def database_failed(self, cause: str) -> None:
        self.database_failures.append(cause)

    def audit_failed(self) -> None:
        self.audit_failures += 1

    def alert_notice(self, receiver: str, outcome: str) -> None:
        self.notices.append((receiver, outcome))

    def certificates(self, expiries: Mapping[CertificateUse, datetime | None]) -> None:
        self.expiries = dict(expiries)

    def health_checks(self, checks: Mapping[str, bool]) -> None:
        self.checks = dict(checks)

    def outcomes(self, operation: str) -> list[str]:
        """How the operation ended each time."""
        return [call.outcome for call in self.pacs_calls if call.operation == operation]
