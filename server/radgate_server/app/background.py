"""What a running server does by itself, without being asked."""

from contextlib import AsyncExitStack

from radgate_server.adapters.telemetry import AuditMetrics, PrometheusTelemetry
from radgate_server.app.exporting import start_exports
from radgate_server.app.pacs import PacsSide
from radgate_server.config import Settings
from radgate_server.core.ports.clock import Clock
from radgate_server.installation import Installation, secret_keeper
from radgate_server.services.audit_keeper import AuditKeeper
from radgate_server.services.failover.monitor import PacsHealthMonitor
from radgate_server.services.forgetting import Forgetting
from radgate_server.services.secrets.rewrapping import Rewrapper
from radgate_server.services.watching import ChangesReader


async def start_background(
    stack: AsyncExitStack,
    settings: Settings,
    installation: Installation,
    pacs: PacsSide,
    forgetting: Forgetting,
    clock: Clock,
    telemetry: PrometheusTelemetry,
) -> None:
    """Look after the PACS, the audit trail and the secrets; `stack` ends it."""
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
    start_exports(stack, settings.audit_export, installation.database, clock, telemetry)
    changes = ChangesReader(pacs.clients.connected, forgetting.changed, interval_s=settings.pacs.changes_interval_s)
    rewrapper = Rewrapper(secret_keeper(installation, clock), interval_s=settings.secrets.rewrap_interval_s)
    for runner in (keeper, changes, rewrapper):
        runner.start()
        stack.push_async_callback(runner.close)
