"""How the audit trail is doing, as Prometheus metrics."""

import time
from collections.abc import Iterator, Mapping
from typing import Protocol

from prometheus_client import Metric

from radgate_server.adapters.telemetry.metrics.families import Families
from radgate_server.core.audit.chain import ChainHead
from radgate_server.core.audit.ports.spool import SpoolState


class WritingEnd(Protocol):
    """What is asked of the trail's writing end, from the thread that shows metrics."""

    @property
    def recorded(self) -> Mapping[tuple[str, str], int]:
        """Records taken by this process, by action and outcome."""
        ...

    @property
    def waiting(self) -> int:
        """Entries that wait for their batch."""
        ...

    @property
    def lag_s(self) -> float:
        """For how long the oldest one waits that is not committed."""
        ...

    @property
    def spooled(self) -> SpoolState | None:
        """What waits on this server's disk; None without a spool."""
        ...


class AuditMetrics:
    """ChainTelemetry and IndexTelemetry in gauges, and a collector over the writing end."""

    def __init__(self, families: Families, writing_end: WritingEnd) -> None:
        self._families = families
        self._writing_end = writing_end
        families.registry.register(self)

    def chain(self, head: ChainHead, *, broken: bool, unsigned: int) -> None:
        """How a tenant's chain is."""
        self._families.of("radgate_audit_chain_broken", head.tenant_id).set(broken)
        self._families.of("radgate_audit_head_timestamp_seconds", head.tenant_id).set(head.time_us / 1e6)
        self._families.of("radgate_audit_unsigned_records", head.tenant_id).set(unsigned)

    def index(self, tenant_id: str, *, differs: bool) -> None:
        """Whether the index of a tenant's records differs from them."""
        self._families.of("radgate_audit_index_differs", tenant_id).set(differs)

    def checked(self, time_s: float) -> None:
        """A check of all chains ended."""
        self._families.of("radgate_audit_check_timestamp_seconds").set(time_s)

    def collect(self) -> Iterator[Metric]:
        """The writing end as it is now."""
        end, made = self._writing_end, self._families.collected
        yield made("radgate_audit_records", end.recorded.items())
        yield made("radgate_audit_waiting", [((), end.waiting)])
        yield made("radgate_audit_lag_seconds", [((), end.lag_s)])
        if (spooled := end.spooled) is not None:
            age_s = max(0.0, time.time() - spooled.oldest_s) if spooled.oldest_s else 0.0
            yield made("radgate_audit_spool_records", [((), spooled.records)])
            yield made("radgate_audit_spool_bytes", [((), spooled.size_bytes)])
            yield made("radgate_audit_spool_limit_bytes", [((), spooled.limit_bytes)])
            yield made("radgate_audit_spool_oldest_seconds", [((), age_s)])
            yield made("radgate_audit_spool_damaged", [((), spooled.damaged)])
