"""From the settings of a collector to the way there."""

import os
import socket

from radgate_server.adapters.audit.export.fhir import FhirReceiver
from radgate_server.adapters.audit.export.syslog import SyslogReceiver
from radgate_server.core.audit.ports.export import RecordReceiver
from radgate_server.settings.audit import AuditCollector, SyslogCollector

_LONGEST_HOST = 255


def build_receiver(collector: AuditCollector, source: str) -> RecordReceiver:
    """Connects to nothing yet; `source` names this installation."""
    if isinstance(collector, SyslogCollector):
        host = socket.gethostname().encode("ascii", "replace").decode()[:_LONGEST_HOST] or "-"
        return SyslogReceiver(collector, source, host, os.getpid())
    return FhirReceiver(collector, source)
