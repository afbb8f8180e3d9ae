"""Administration of an installation, for the server and, without one, for the command line."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

from radgate_server.adapters.clock import SystemClock
from radgate_server.core.cache.ports.keys import StudyKeys
from radgate_server.core.cache.ports.tiers import PartialTier, TenantTier
from radgate_server.core.pacs.ports import PacsFactory
from radgate_server.core.quarantine.ports import QuarantineContents
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.installation.gate import Purpose
from radgate_server.installation.opening import Directories, Installation, open_installation, pacs_factories
from radgate_server.installation.packs import IndexedPacks
from radgate_server.lib.clock import Clock
from radgate_server.services.access.explanation import AuthExplainer
from radgate_server.services.access.key_checker import KeyChecker
from radgate_server.services.access.key_uses import KeyUses
from radgate_server.services.administration.addresses import AddressPolicy, Resolver, resolve_by_system
from radgate_server.services.administration.cache_report import CacheReports
from radgate_server.services.administration.detection import Detector, impatient
from radgate_server.services.administration.pacs import PacsAdmin, PacsRecords, SetupChecks
from radgate_server.services.administration.probe import Dial, dial
from radgate_server.services.administration.tenants import AdminService, AdminSubjects
from radgate_server.services.administration.validation import Validator
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.cache.access_statistics import AccessStatistics
from radgate_server.services.cache.changes import ChangeFollower
from radgate_server.services.cache.invalidation import SharedInvalidation
from radgate_server.services.cache.late_tier import LatePartialTier, LateTier
from radgate_server.services.cache.registry import BYTES_DIFFER, CacheRegistry, register_stored
from radgate_server.services.cache.tier_reports import TierReports
from radgate_server.services.limits.admin import LimitsAdmin
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.prefetch.administration import PrefetchAdmin, StoredJobs
from radgate_server.services.prefetch.patient_studies import MAX_PATIENT_STUDIES, PatientStudyFinder
from radgate_server.services.prefetch.replaying import RuleReplayer
from radgate_server.services.prefetch.rules import PriorAdmin
from radgate_server.services.quarantine.late import LateQuarantine
from radgate_server.services.quarantine.storing import QuarantineAdmin
from radgate_server.services.query.fan_out import AskLimits
from radgate_server.services.secrets.administration import SecretAdmin
from radgate_server.services.secrets.reference_policy import ReferencePolicy
from radgate_server.settings.settings import Settings

if TYPE_CHECKING:
    from radgate_server.adapters.pacs.dimse import StorageScp
    from radgate_server.installation.disk_tiers import DiskTiers


def _idle_storage_scp(settings: Settings) -> "StorageScp":
    """One that is never started: to test a PACS, nothing is received."""
    from radgate_server.adapters.pacs.dimse import StorageScp

    return StorageScp(settings.dicom_aet, host=settings.host, port=0, settings=settings.dimse)


@dataclass(frozen=True, slots=True)
class Network:
    """How hosts that administrators name are looked up and tried."""

    resolve: Resolver = resolve_by_system
    dial: Dial = dial


@dataclass(frozen=True, slots=True)
class PacsAccess:
    """The way to PACS: `clients` of those that are set up, `factories` for validating them, `probes` for detecting."""

    clients: PacsClients
    factories: Mapping[str, PacsFactory]
    probes: Mapping[str, PacsFactory]


def secret_admin(installation: Installation, clock: Clock) -> SecretAdmin:
    """What looks after the key that secrets are sealed under."""
    auditor = Auditor(installation.audit.sink, clock)
    return SecretAdmin(installation.secrets.ring, installation.secrets.box, installation.secrets.sealed, auditor, clock)


def build_admin(
    installation: Installation,
    settings: Settings,
    *,
    follower: ChangeFollower,
    pacs: PacsAccess,
    caches: SharedInvalidation,
    quarantine: QuarantineContents,
    clock: Clock,
    network: Network = Network(),
) -> AdminService:
    """Administration of an installation."""
    auditor = Auditor(installation.audit.sink, clock)
    directories = installation.directories
    pacs_admin = PacsAdmin(
        PacsRecords(directories.pacs, directories.failover, directories.statuses),
        _setup_checks(settings, pacs, network, clock),
        clients=pacs.clients,
        caches=caches,
        follower=follower,
        auditor=auditor,
        clock=clock,
    )
    limits = LimitsAdmin(
        directories.limits,
        directories.usage,
        directories.keys,
        settings.limits,
        settings.auth,
        follower,
        auditor,
        clock,
    )
    accesses = AccessStatistics(
        directories.accesses, directories.prefetched, clock, limit_bytes=settings.cache.warm_bytes
    )
    return AdminService(
        AdminSubjects(
            pacs_admin,
            secret_admin(installation, clock),
            limits,
            QuarantineAdmin(quarantine, auditor),
            accesses,
            CacheReports(directories.tenants, caches.tiers, accesses),
            _prefetch_admin(directories, settings, auditor),
            _prior_admin(directories, pacs.clients, settings, auditor, clock),
        ),
        tenants=directories.tenants,
        keys=directories.keys,
        caches=caches,
        follower=follower,
        box=installation.secrets.box,
        auditor=auditor,
        clock=clock,
    )


def _setup_checks(settings: Settings, pacs: PacsAccess, network: Network, clock: Clock) -> SetupChecks:
    addresses = AddressPolicy(settings.pacs.allowed_networks, network.resolve)
    return SetupChecks(
        Detector(pacs.probes, addresses, clock, calling_aet=settings.dicom_aet, dial=network.dial),
        Validator(pacs.factories, clock),
        addresses,
        ReferencePolicy(settings.secrets.tenant_prefix),
    )


def _prefetch_admin(directories: Directories, settings: Settings, auditor: Auditor) -> PrefetchAdmin:
    jobs = StoredJobs(directories.jobs, max_waiting=settings.imaging.max_waiting_jobs)
    return PrefetchAdmin(jobs, directories.prefetched, auditor)


def build_study_finder(clients: PacsClients, settings: Settings) -> PatientStudyFinder:
    """What finds the studies of a patient."""
    return PatientStudyFinder(clients, AskLimits(MAX_PATIENT_STUDIES, settings.pacs.query_deadline_s))


def _prior_admin(
    directories: Directories, clients: PacsClients, settings: Settings, auditor: Auditor, clock: Clock
) -> PriorAdmin:
    finder = build_study_finder(clients, settings)
    return PriorAdmin(directories.prior_rules, finder, RuleReplayer(directories.accesses, finder, clock), auditor)


@cache
def _unread_telemetry() -> Telemetry:
    """What a command measures, which nobody reads; with its metrics' library, which most commands start without."""
    from radgate_server.adapters.telemetry import PrometheusTelemetry

    return PrometheusTelemetry()


def _late_tiers(
    stack: AsyncExitStack, settings: Settings, keys: StudyKeys | None, clock: Clock, *, counted: bool
) -> tuple[PartialTier, TenantTier[None], TenantTier[None]]:
    """The tiers on the disk for a command: instances, what is made of them, what the PACS said of their studies.

    `stack` closes those that it used.
    """

    @cache
    def on_disk() -> "DiskTiers":
        from radgate_server.installation.disk_tiers import DiskTiers, Inventory

        inventory = Inventory.COUNTED if counted else Inventory.REPORTED
        return DiskTiers(stack, settings, keys, clock, _unread_telemetry(), inventory)

    async def store() -> PartialTier:
        return await on_disk().warm()

    async def derived() -> TenantTier[None]:
        return await on_disk().derived()

    async def states() -> TenantTier[None]:
        return await on_disk().states()

    return LatePartialTier(store), LateTier(derived), LateTier(states)


def _late_quarantine(settings: Settings, keys: StudyKeys | None, clock: Clock) -> LateQuarantine:
    def contents() -> QuarantineContents:
        from radgate_server.installation.disk_tiers import open_quarantine

        return open_quarantine(settings, keys, clock)

    return LateQuarantine(contents)


@asynccontextmanager
async def open_admin(
    settings: Settings, purpose: Purpose = Purpose.USE, *, counted: bool = False
) -> AsyncIterator[AdminService]:
    """Administration without a server, for the command line. `counted`: what is cached is counted, not looked up.

    Raises:
        ConfigurationError, DatabaseUnavailableError: as `open_installation`.
    """
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        installation = await open_installation(stack, settings, clock, purpose=purpose)
        keys = installation.retention.study_keys
        store, derived, states = _late_tiers(stack, settings, keys, clock, counted=counted)
        quarantine = _late_quarantine(settings, keys, clock)
        storage_scp = cache(partial(_idle_storage_scp, settings))
        factories = pacs_factories(settings, storage_scp, _unread_telemetry, installation.secrets.reader)
        clients = PacsClients(installation.directories.pacs, factories)
        stack.push_async_callback(clients.close)
        follower = ChangeFollower(installation.directories.feed, {})
        caches = CacheRegistry()
        register_stored(caches, store, {"derived": derived}, states, quarantine)
        packs = IndexedPacks(installation.directories.packs, clock)
        caches.register("packs", BYTES_DIFFER, packs.drop)
        ages = {"s3": packs.ages} if settings.cache.s3.bucket else {}
        reports = TierReports((store.usage, derived.usage), clock, ages)
        yield build_admin(
            installation,
            settings,
            follower=follower,
            pacs=PacsAccess(
                clients,
                factories,
                pacs_factories(impatient(settings), storage_scp, _unread_telemetry, installation.secrets.reader),
            ),
            caches=SharedInvalidation(caches, reports, store, installation.directories.feed, follower),
            quarantine=quarantine,
            clock=clock,
        )


@asynccontextmanager
async def open_explainer(settings: Settings) -> AsyncIterator[AuthExplainer]:
    """What says whose a credential is, without a server, for the command line.

    Raises:
        ConfigurationError, DatabaseUnavailableError: as `open_installation`.
    """
    from radgate_server.adapters.access.oidc import (
        OidcVerifier,  # with its libraries, which most commands start without
    )

    async with AsyncExitStack() as stack:
        clock = SystemClock()
        installation = await open_installation(stack, settings, clock)
        tokens = OidcVerifier(settings.auth.oidc, clock)
        stack.push_async_callback(tokens.close)
        keys = KeyChecker(
            installation.directories.keys,
            installation.secrets.box,
            clock,
            KeyUses(installation.directories.keys, clock),
        )
        yield AuthExplainer(keys, tokens, installation.directories.tenants, settings.auth)
