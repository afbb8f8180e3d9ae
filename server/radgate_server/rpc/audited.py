"""Recording streams: before the first byte that they may flow, at the end how much that was."""

from radgate_server.core.audit import AuditAction
from radgate_server.core.identifiers import RetrieveScope
from radgate_server.rpc.call import Call
from radgate_server.services.audited_streams import AuditedStream
from radgate_server.services.auditing import Auditor


async def record_stream(
    auditor: Auditor, call: Call, action: AuditAction, scope: RetrieveScope, detail: str = ""
) -> AuditedStream:
    """Record that a stream of unknown size begins; what it sent is recorded when the call is over (rpc/layers.py).

    Raises:
        AuditUnavailableError: it could not be recorded, so nothing may be served.
    """
    await auditor.record(call.caller, action, scope, detail)
    call.stream = AuditedStream(action, scope, detail)
    return call.stream
