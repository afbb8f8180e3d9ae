"""What administrators and auditors use of a running server."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from radgate_server.app.pacs import PacsSide
from radgate_server.app.reports import start_reporting
from radgate_server.app.retention import open_retention_service
from radgate_server.app.tiers import Tiers
from radgate_server.core.quarantine.ports import Quarantine
from radgate_server.installation.audit_tools import AuditReading, build_audit_reading
from radgate_server.installation.opening import Installation, build_admin
from radgate_server.lib.clock import Clock
from radgate_server.rpc.v1.retention import RetentionServicer
from radgate_server.services.administration.tenants import AdminService
from radgate_server.services.cache.changes import ChangeFollower
from radgate_server.services.cache.tenant_caches import TenantCaches
from radgate_server.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class Administration:
    """Tenants, keys, PACS and limits; the audit trail as it is read; what is kept and erased."""

    admin: AdminService
    reading: AuditReading
    retention: RetentionServicer


def open_administration(
    stack: AsyncExitStack,
    settings: Settings,
    installation: Installation,
    tiers: Tiers,
    caches: TenantCaches,
    quarantine: Quarantine,
    pacs: PacsSide,
    follower: ChangeFollower,
    clock: Clock,
    index_problem: Callable[[str], str],
) -> Administration:
    """Put it together; reports and erasures that are due run in the background until `stack` ends them.

    `index_problem` says what was found wrong with the index of a tenant's audit trail.
    """
    admin = build_admin(
        installation,
        settings,
        follower=follower,
        clients=pacs.clients,
        factories=pacs.factories,
        probes=pacs.probes,
        caches=caches,
        quarantine=quarantine,
        clock=clock,
    )
    retention = open_retention_service(stack, settings, installation, tiers, caches, quarantine, clock)
    reading = build_audit_reading(settings, installation, clock, index_problem)
    start_reporting(stack, settings, installation, reading, clock)
    return Administration(admin, reading, retention)
