"""From the settings of a collector to the way there."""

import os
import socket

from radgate_server.adapters.audit_export.fhir import FhirReceiver
from radgate_server.adapters.audit_export.syslog import SyslogReceiver
from radgate_server.audit_export_settings import AuditCollector, SyslogCollector
from radgate_server.core.ports.audit_export import RecordReceiver

_LONGEST_HOST = 255


def build_receiver(collector: AuditCollector, source: str) -> RecordReceiver:
    """Connects to nothing yet; `source` names this installation."""
    if isinstance(collector, SyslogCollector):
        host = socket.gethostname().encode("ascii", "replace").decode()[:_LONGEST_HOST] or "-"
        return SyslogReceiver(collector, source, host, os.getpid())
    return FhirReceiver(collector, source)
