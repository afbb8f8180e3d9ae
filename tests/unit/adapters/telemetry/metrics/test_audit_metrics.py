"""The audit trail's metrics as Prometheus reads them."""

from dataclasses import dataclass, field

import pytest
from prometheus_client import generate_latest

from radgate_server.adapters.telemetry import AuditMetrics
from radgate_server.adapters.telemetry.metrics.families import Families
from radgate_server.core.audit.chain import START, ChainHead
from radgate_server.core.audit.ports.spool import SpoolState
from radgate_server.core.audit.ports.trail import ChainTelemetry, IndexTelemetry


@dataclass
class Writing:
    recorded: dict[tuple[str, str], int] = field(default_factory=dict)
    waiting: int = 0
    lag_s: float = 0.0
    spooled: SpoolState | None = None


def test_the_trail_is_shown() -> None:
    families, writing = Families(), Writing()
    metrics = AuditMetrics(families, writing)
    port: ChainTelemetry = metrics
    port.chain(ChainHead("north", 7, START, 5_500_000), broken=False, unsigned=3)
    port.chain(ChainHead("south", 1, START, 0), broken=True, unsigned=0)
    port.checked(9)
    index: IndexTelemetry = metrics
    index.index("south", differs=True)
    writing.recorded[("query", "granted")] = 4
    writing.waiting, writing.lag_s = 2, 0.25
    page = generate_latest(families.registry).decode().splitlines()
    shown = [line for line in page if line.startswith("radgate_audit") and "failures" not in line]
    assert sorted(shown) == [
        'radgate_audit_chain_broken{tenant="north"} 0.0',
        'radgate_audit_chain_broken{tenant="south"} 1.0',
        "radgate_audit_check_timestamp_seconds 9.0",
        'radgate_audit_head_timestamp_seconds{tenant="north"} 5.5',
        'radgate_audit_head_timestamp_seconds{tenant="south"} 0.0',
        'radgate_audit_index_differs{tenant="south"} 1.0',
        "radgate_audit_lag_seconds 0.25",
        'radgate_audit_records_total{action="query",outcome="granted"} 4.0',
        'radgate_audit_unsigned_records{tenant="north"} 3.0',
        'radgate_audit_unsigned_records{tenant="south"} 0.0',
        "radgate_audit_waiting 2.0",
    ]


def test_what_waits_in_the_spool_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 105.0)
    families, writing = Families(), Writing()
    AuditMetrics(families, writing)
    assert "radgate_audit_spool" not in generate_latest(families.registry).decode()
    writing.spooled = SpoolState(records=3, size_bytes=700, oldest_s=100.0, limit_bytes=1000, damaged=1)
    page = generate_latest(families.registry).decode().splitlines()
    assert [line for line in page if line.startswith("radgate_audit_spool")] == [
        "radgate_audit_spool_records 3.0",
        "radgate_audit_spool_bytes 700.0",
        "radgate_audit_spool_limit_bytes 1000.0",
        "radgate_audit_spool_oldest_seconds 5.0",
        "radgate_audit_spool_damaged 1.0",
    ]
