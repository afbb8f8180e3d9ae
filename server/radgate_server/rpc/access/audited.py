"""Recording streams: before the first byte that they may flow, at the end how much that was."""

from radgate_server.core.audit.record import AuditAction
from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.rpc.pipeline.call import Call
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.audit.streams import AuditedStream


async def record_stream(
    auditor: Auditor, call: Call, action: AuditAction, scope: RetrieveScope, detail: str = ""
) -> AuditedStream:
    """Record that a stream of unknown size begins; what it sent is recorded when the call is over.

    Raises:
        AuditUnavailableError: it could not be recorded, so nothing may be served.
    """
    await auditor.record(call.caller, action, scope, detail)
    call.stream = AuditedStream(action, scope, detail)
    return call.stream
