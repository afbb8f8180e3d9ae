"""Reports of the audit trail at regular times."""

from contextlib import AsyncExitStack

from radgate_server.adapters.notify import build_report_senders
from radgate_server.adapters.reports import remove_leftovers
from radgate_server.app.spooling import open_spool
from radgate_server.installation.audit_tools import AuditReading
from radgate_server.installation.opening import Installation
from radgate_server.lib.clock import Clock
from radgate_server.services.audit.indexing import AuditIndexer
from radgate_server.services.reports.scheduling import ReportRunner
from radgate_server.settings.settings import Settings


def start_reporting(
    stack: AsyncExitStack, settings: Settings, installation: Installation, reading: AuditReading, clock: Clock
) -> None:
    """Index the trail and deliver what is due, from now on; `stack` ends it."""
    remove_leftovers(settings.data_dir, settings.reports.folders)
    spool = open_spool(settings, memory_bytes=0)  # rare: not worth memory
    runner = ReportRunner(
        installation.schedules,
        reading.maker,
        build_report_senders(settings.reports.receivers),
        settings.reports,
        spool,
        clock,
    )
    for background in (AuditIndexer(installation.records, interval_s=settings.audit.index_interval_s), runner):
        background.start()
        stack.push_async_callback(background.close)
