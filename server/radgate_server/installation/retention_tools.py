"""Retention without a server, for the command line."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from radgate_server.adapters.clock import SystemClock
from radgate_server.adapters.telemetry import PrometheusTelemetry
from radgate_server.installation.disk_tiers import DiskTiers, Inventory, open_quarantine
from radgate_server.installation.opening import open_installation
from radgate_server.installation.packs import IndexedPacks
from radgate_server.installation.retention import build_eraser, build_retention_admin
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.cache.changes import ChangeFollower
from radgate_server.services.cache.invalidation import SharedInvalidation
from radgate_server.services.cache.registry import BYTES_DIFFER, CacheRegistry, register_stored
from radgate_server.services.cache.tier_reports import TierReports
from radgate_server.services.retention.erasure import CacheEraser
from radgate_server.services.retention.rules import RetentionAdmin
from radgate_server.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class RetentionTools:
    """Rules and holds, and what erases cached data."""

    admin: RetentionAdmin
    eraser: CacheEraser


@asynccontextmanager
async def open_retention_tools(settings: Settings) -> AsyncIterator[RetentionTools]:
    """Open the installation; running servers are notified to erase what they hold.

    Raises:
        ConfigurationError, DatabaseUnavailableError: as `open_installation`.
    """
    async with AsyncExitStack() as stack:
        clock, telemetry = SystemClock(), PrometheusTelemetry()
        installation = await open_installation(stack, settings, clock)
        store, keys = installation.retention, installation.retention.study_keys
        on_disk = DiskTiers(stack, settings, keys, clock, telemetry, Inventory.REPORTED)
        disk = await on_disk.warm()
        answers = await on_disk.answers()
        follower = ChangeFollower(installation.directories.feed, {})
        states = await on_disk.states()
        quarantine = open_quarantine(settings, keys, clock)
        registry = CacheRegistry()
        register_stored(registry, disk, answers, states, quarantine)
        packs = IndexedPacks(installation.directories.packs, clock)
        registry.register("packs", BYTES_DIFFER, packs.drop)
        reports = TierReports((disk.usage, *(tier.usage for tier in answers.values())), clock)
        caches = SharedInvalidation(registry, reports, disk, installation.directories.feed, follower)
        yield RetentionTools(
            build_retention_admin(store, settings, Auditor(installation.audit.sink, clock), clock),
            build_eraser(
                store,
                trail=installation.audit.trail,
                audit=installation.audit.sink,
                signer=installation.audit.signer,
                caches=caches,
                tiers={"warm": disk, **answers, **({"s3": packs} if settings.cache.s3.bucket else {})},
                quarantine=quarantine,
                clock=clock,
            ),
        )
