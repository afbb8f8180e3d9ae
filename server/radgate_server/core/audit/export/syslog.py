"""Syslog messages (RFC 5424) and their framing for TLS (RFC 5425), as PS3.15 A.6 has audit messages sent."""

from radgate_server.core.audit.checkpoint import time_text
from radgate_server.core.audit.export.dicom import audit_message
from radgate_server.core.audit.verification import StoredRecord

_FACILITY, _NOTICE, _WARNING = 10, 5, 4  # security/authorization messages; "5 or 10" says PS3.15 A.6
_FAILED = {"failed", "denied", "interrupted"}
_BOM = b"\xef\xbb\xbf"
_MSGID = "DICOM+RFC3881"
_OUTCOME = 5


def syslog_frame(record: StoredRecord, source: str, host: str, process: int) -> bytes:
    """One frame: the number of bytes, a space, the message. `source`, `host`: 1 to 48 and 255 printable ASCII."""
    severity = _WARNING if record.words[_OUTCOME] in _FAILED else _NOTICE
    header = f"<{8 * _FACILITY + severity}>1 {time_text(record.time_us)} {host} {source} {process} {_MSGID} - "
    message = header.encode("ascii") + _BOM + audit_message(record, source)
    return f"{len(message)} ".encode("ascii") + message
