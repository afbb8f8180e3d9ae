"""What a running server does by itself, without being asked."""

from contextlib import AsyncExitStack

from radgate_server.adapters.telemetry import AuditMetrics, PrometheusTelemetry
from radgate_server.app.exporting import start_exports
from radgate_server.app.pacs import PacsSide
from radgate_server.installation.opening import Installation, secret_keeper
from radgate_server.lib.clock import Clock
from radgate_server.services.audit.index_check import AuditIndexCheck
from radgate_server.services.audit.keeper import AuditKeeper
from radgate_server.services.cache.invalidation import Forgetting
from radgate_server.services.cache.watching import ChangesReader
from radgate_server.services.pacs.failover.monitor import PacsHealthMonitor
from radgate_server.services.secrets.rewrapping import Rewrapper
from radgate_server.settings.settings import Settings


async def start_background(
    stack: AsyncExitStack,
    settings: Settings,
    installation: Installation,
    pacs: PacsSide,
    forgetting: Forgetting,
    clock: Clock,
    telemetry: PrometheusTelemetry,
) -> AuditIndexCheck:
    """Look after the PACS, the audit trail and the secrets; `stack` ends it. Returns what checks the trail's index."""
    monitor = PacsHealthMonitor(
        installation.tenants,
        pacs.clients,
        pacs.tracker,
        pacs.guard,
        installation.statuses,
        settings.pacs,
        clock,
        telemetry,
    )
    await monitor.start()
    stack.push_async_callback(monitor.close)
    audit_metrics = AuditMetrics(telemetry.families, installation.writing_end)
    keeper = AuditKeeper(installation.trail, installation.signer, settings.audit, clock, audit_metrics)
    index_check = AuditIndexCheck(
        installation.trail,
        installation.records,
        audit_metrics,
        interval_s=settings.audit.check_interval_s,
        numbers=settings.audit.check_records,
    )
    start_exports(stack, settings.audit_export, installation, clock, telemetry)
    changes = ChangesReader(
        pacs.clients.connected, forgetting.changed, forgetting.distrust, interval_s=settings.pacs.changes_interval_s
    )
    rewrapper = Rewrapper(secret_keeper(installation, clock), interval_s=settings.secrets.rewrap_interval_s)
    for runner in (keeper, index_check, changes, rewrapper):
        runner.start()
        stack.push_async_callback(runner.close)
    return index_check
