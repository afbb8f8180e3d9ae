"""The audit trail's metrics as Prometheus reads them."""

from dataclasses import dataclass, field

from prometheus_client import generate_latest

from radgate_server.adapters.telemetry import AuditMetrics
from radgate_server.adapters.telemetry.families import Families
from radgate_server.core.audit_chain import START, ChainHead
from radgate_server.core.ports.audit import ChainTelemetry


@dataclass
class Writing:
    recorded: dict[tuple[str, str], int] = field(default_factory=dict)
    waiting: int = 0
    lag_s: float = 0.0


def test_the_trail_is_shown() -> None:
    families, writing = Families(), Writing()
    metrics = AuditMetrics(families, writing)
    port: ChainTelemetry = metrics
    port.chain(ChainHead("north", 7, START, 5_500_000), broken=False, unsigned=3)
    port.chain(ChainHead("south", 1, START, 0), broken=True, unsigned=0)
    port.checked(9)
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
        "radgate_audit_lag_seconds 0.25",
        'radgate_audit_records_total{action="query",outcome="granted"} 4.0',
        'radgate_audit_unsigned_records{tenant="north"} 3.0',
        'radgate_audit_unsigned_records{tenant="south"} 0.0',
        "radgate_audit_waiting 2.0",
    ]
