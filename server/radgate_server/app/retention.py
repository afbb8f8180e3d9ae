"""What a running server does about retention."""

from contextlib import AsyncExitStack

from radgate_server.app.tiers import Tiers
from radgate_server.core.quarantine.ports import Quarantine
from radgate_server.installation.opening import Installation
from radgate_server.installation.retention import build_desk, build_eraser
from radgate_server.lib.clock import Clock
from radgate_server.rpc.v1.retention import RetentionServicer
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.cache.tenant_caches import TenantCaches
from radgate_server.services.retention.finishing import ErasureFinisher
from radgate_server.services.retention.records import RecordRetention
from radgate_server.settings.settings import Settings


def open_retention_service(
    stack: AsyncExitStack,
    settings: Settings,
    installation: Installation,
    tiers: Tiers,
    caches: TenantCaches,
    quarantine: Quarantine,
    clock: Clock,
) -> RetentionServicer:
    """Erase in the background what is due or was left unfinished, until `stack` ends it; answer administrators."""
    store, trail, signer = installation.retention, installation.trail, installation.signer
    eraser = build_eraser(
        store,
        trail=trail,
        audit=installation.audit,
        signer=signer,
        caches=caches,
        tiers=tiers.by_name,
        quarantine=quarantine,
        clock=clock,
    )
    retention = RecordRetention(trail, store.record_eraser, store.rules, store.holds, signer, settings.retention, clock)
    finisher = ErasureFinisher(store.erasures, eraser, clock)
    for runner in (retention, finisher):
        runner.start()
        stack.push_async_callback(runner.close)
    return RetentionServicer(build_desk(store, settings, Auditor(installation.audit, clock), clock), eraser)
