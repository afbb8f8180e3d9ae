"""What services report of themselves. None of it holds patient data or UIDs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from radgate_server.core.telemetry.certificates import CertificateUse


class Telemetry(Protocol):
    """Counters and timings. Cheap enough for the hot path; never fails."""

    def call_began(self, tenant_id: str, connection: str) -> None:
        """A tenant's call is admitted; `connection` distinguishes client connections."""
        ...

    def call_ended(self, tenant_id: str, connection: str) -> None:
        """It is over."""
        ...

    def rpc_finished(
        self, method: str, code: str, seconds: float, *, tenant_id: str = "", first_byte_s: float | None = None
    ) -> None:
        """An rpc ended; `method` as "radgate.v1.QueryService/SearchStudies", `code` as gRPC names it.

        `tenant_id` is "" when it was not admitted; `first_byte_s` is for retrieves that sent something.
        """
        ...

    def cache_lookup(self, tier: str, hit: bool) -> None:
        """A tier was asked."""
        ...

    def cache_failed(self, tier: str, cause: str) -> None:
        """A tier could not keep something ("disk": full or broken), or lost it ("damaged")."""
        ...

    def cache_operation(self, tier: str, operation: str, outcome: str, seconds: float) -> None:
        """A tier beyond this machine answered an operation: "ok", "missing", "timeout", "failed" or "cancelled"."""
        ...

    def cache_bytes(self, tier: str, direction: str, count: int) -> None:
        """Bytes were "read" from a tier beyond this machine, or "written" to it."""
        ...

    def pacs_call(self, tenant_id: str, pacs: str, operation: str, outcome: str, seconds: float) -> None:
        """An operation ("echo", "find", "retrieve", "store") at a PACS ended; `outcome` is "ok" or an error's name."""
        ...

    def pacs_associations(self, tenant_id: str, pacs: str, in_use: int, idle: int) -> None:
        """So many DIMSE associations (PS3.8 7.1) are open."""
        ...

    def bytes_received(self, tenant_id: str, pacs: str, count: int) -> None:
        """Bytes of instances came from a PACS."""
        ...

    def instance_refused(self, tenant_id: str, pacs: str, reason: str) -> None:
        """An instance that a PACS sent was not taken: it is another than the listed one, or can't be read."""
        ...

    def instance_quarantined(self, outcome: str) -> None:
        """A refused instance was "stored" for a look at it, or is "too-large", found the "queue-full", or "failed"."""
        ...

    def patient_differs(self, tenant_id: str, pacs: str) -> None:
        """An instance that a PACS sent names another patient than its listing, or than the study's other instances."""
        ...

    def association_refused(self, reason: str) -> None:
        """The storage SCP rejected an association; `reason` as core/pacs/senders.py names it. For any thread."""
        ...

    def pacs_retried(self, tenant_id: str, pacs: str, operation: str) -> None:
        """An operation at a PACS failed and is retried."""
        ...

    def pacs_breaker(self, tenant_id: str, pacs: str, operation: str, state: str) -> None:
        """A circuit breaker is "closed", "open" or "half-open" from now on."""
        ...

    def pacs_health(self, tenant_id: str, pacs: str, up: bool, reason: str = "") -> None:
        """A probe of a PACS ended; `reason` is that of the error (reason_of) when it failed."""
        ...

    def pacs_on_backup(self, tenant_id: str, pacs: str, on_backup: bool) -> None:
        """Whether a backup does the work of this PACS now."""
        ...

    def pacs_forgotten(self, tenant_id: str, pacs: str) -> None:
        """A PACS is probed no more: nobody knows how it does."""
        ...

    def pacs_waiting(self, tenant_id: str, pacs: str, waiting: int, running: int) -> None:
        """So many operations of the tenant wait for the PACS, and so many run."""
        ...

    def failover(self, tenant_id: str, primary: str, cause: str) -> None:
        """Another PACS of a group is active from now on."""
        ...

    def image_job(self, operation: str, priority: str, outcome: str, seconds: float) -> None:
        """A worker is through with a job; `outcome` is "ok" or an error's name, `seconds` are since the call came."""
        ...

    def image_worker_ended(self, cause: str) -> None:
        """A worker for images ended and is replaced."""
        ...

    def job_ended(self, kind: str, state: str) -> None:
        """A job "succeeded", "failed" or was "cancelled"."""
        ...

    def alert_notice(self, receiver: str, outcome: str) -> None:
        """A notice was "sent" to a receiver of alerts, "failed" finally, or was "dropped" since too many wait."""
        ...

    def certificates(self, expiries: Mapping[CertificateUse, datetime | None]) -> None:
        """From now on these certificates are in use, good until then; None for one that can't be read."""
        ...

    def health_checks(self, checks: Mapping[str, bool]) -> None:
        """Whether each part that serving needs does its work, by its name."""
        ...

    def database_statement(self, statement: str, seconds: float) -> None:
        """The database answered a statement, named by its first word: "select". Called from any thread."""
        ...

    def database_failed(self, cause: str) -> None:
        """A statement or a connection failed, by the driver's name of it. Called from any thread."""
        ...

    def audit_failed(self) -> None:
        """An access could not be recorded, and was refused for that."""
        ...
