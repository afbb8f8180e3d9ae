"""`radgate` without what trust costs: nothing is recorded, counted, limited or traced, and nobody's role is looked at.

    python -m tests.bench.unguarded serve

What the bench of trust measures against. Who calls is still asked, since the tenant comes from the key.
"""

from typing import Any

from radgate_server import __main__ as radgate
from radgate_server.core.audit.record import AuditEntry
from radgate_server.rpc.access.caller_identity import CallerIdentities
from radgate_server.rpc.pipeline.interceptor import Interceptor
from radgate_server.rpc.pipeline.interceptors import CallChecks, answer_errors, authenticate
from radgate_server.rpc.server import grpc_server as server
from radgate_server.services.audit.monitored_sink import MonitoredAuditSink


async def _record_nothing(_sink: MonitoredAuditSink, _entry: AuditEntry) -> None:
    """As if the record were on the disk at once."""


def _few_layers(
    gates: CallChecks, caller_identities: CallerIdentities, _calls: Any, _telemetry: Any, _tracer: Any = None
) -> tuple[Interceptor, ...]:
    return (answer_errors, authenticate(gates.authenticator, caller_identities))


if __name__ == "__main__":
    MonitoredAuditSink.record = _record_nothing  # type: ignore[method-assign]
    server.standard_interceptors = _few_layers
    radgate.main()
