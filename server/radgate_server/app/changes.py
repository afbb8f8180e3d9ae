"""What a process does when somebody changes something, in this process or in another."""

from collections.abc import Mapping, Sequence

from radgate_server.adapters.cache.disk.feed_place import FeedPlaceFile
from radgate_server.app.foundation import Foundation, Tiers
from radgate_server.app.pacs import PacsSide
from radgate_server.app.use_cases import Services
from radgate_server.core.access.ports.directory import Change, ChangeKind
from radgate_server.core.cache.scope import CacheScope
from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.core.limits.ports import LimitDirectory
from radgate_server.core.quarantine.ports import QuarantineEraser
from radgate_server.services.access.rejection_filter import RejectedMatchFilter
from radgate_server.services.access.rejections import NoteReading, Rejections
from radgate_server.services.cache.changes import ChangeFollower, ChangeHandler
from radgate_server.services.cache.invalidation import Invalidation, SharedInvalidation
from radgate_server.services.cache.registry import (
    ALL_CAUSES,
    BYTES_DIFFER,
    NOTHING_LEFT,
    UNHEARD,
    WHOLE_STUDIES,
    CacheRegistry,
    Cause,
    register_stored,
)
from radgate_server.services.cache.revalidation import CachedStudies, RevalidationLimits, Revalidator
from radgate_server.services.cache.shared_vouching import SharedVouching, StudyKnowledge
from radgate_server.services.cache.watching import StudyEvent
from radgate_server.services.limits.limiter import Limiter
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.query.fan_out import AskLimits


def build_invalidation(
    services: Services, tiers: Tiers, quarantine: QuarantineEraser, rejections: Rejections
) -> Invalidation:
    """Every cache in which something of a study is stored, each after those that it is filled from."""
    caches = CacheRegistry()

    def drop_searches(tenant_id: str, _: str | None) -> None:
        services.query.invalidate(tenant_id, pages=False)

    def drop_search_pages(tenant_id: str, _: str | None) -> None:
        services.query.invalidate(tenant_id)

    pages_differ = NOTHING_LEFT | {Cause.SWITCHED, Cause.RECONFIGURED}
    caches.register("fetches", BYTES_DIFFER, services.retrieve.invalidate)
    register_stored(caches, tiers.store, tiers.answers, tiers.states, quarantine)
    for name, causes, invalidate in (
        ("study states", WHOLE_STUDIES, services.states.invalidate),
        ("searches", ALL_CAUSES, drop_searches),
        ("search pages", pages_differ, drop_search_pages),
        ("listings", ALL_CAUSES, services.lister.invalidate),
        ("study facts", ALL_CAUSES, services.facts.invalidate),
        ("rejections", ALL_CAUSES, rejections.invalidate),
        ("damaged instances", ALL_CAUSES, services.pictures.representatives.invalidate),
        ("known studies", NOTHING_LEFT, services.studies.invalidate),
        ("indexes", NOTHING_LEFT, services.instances.invalidate),
        ("instance locations", NOTHING_LEFT, services.pictures.places.invalidate),
        ("frames", NOTHING_LEFT, services.pictures.frames.invalidate),
        ("presentations", NOTHING_LEFT, services.pictures.renderer.invalidate),
        ("answers", ALL_CAUSES - {Cause.SWITCHED}, tiers.hot.invalidate),
    ):
        caches.register(name, causes, invalidate)
    if tiers.shared_answers is not None:
        caches.register("shared answers", UNHEARD, tiers.shared_answers.noticed)
    caches.register("accesses", frozenset({Cause.ERASED}), services.accesses.forget)
    return Invalidation(caches, services.states, services.study_changes)


def build_revalidator(
    base: Foundation,
    services: Services,
    tiers: Tiers,
    clients: PacsClients,
    invalidation: Invalidation,
    caches: SharedInvalidation,
) -> Revalidator:
    """What confirms cached studies."""
    settings = base.settings

    async def drop(tenant_id: str, study_instance_uid: str) -> None:
        try:
            await caches.drop(tenant_id, study_instance_uid)
        except DatabaseUnavailableError:  # other processes find it out by themselves
            await invalidation.dropped(tenant_id, study_instance_uid)

    async def refresh_lists(tenant_id: str, study_instance_uid: str) -> None:
        await invalidation.changed(tenant_id, StudyEvent(study_instance_uid, pacs="", removed=False))

    cache = settings.cache
    revalidator = Revalidator(
        clients,
        services.states,
        services.doubts,
        services.places,
        CachedStudies(tuple(tiers.by_name.values()), tiers.states, drop, refresh_lists),
        AskLimits(settings.retrieve.max_listed_instances, settings.pacs.query_deadline_s),
        RevalidationLimits(cache.revalidate_wait_s, cache.revalidate_retry_s),
        base.clock,
    )
    base.stack.push_async_callback(revalidator.close)
    services.retrieve.before_fetching(revalidator.prepare, revalidator.listed)
    return revalidator


def share_answers(
    base: Foundation,
    services: Services,
    tiers: Tiers,
    follower: ChangeFollower,
    confirmer: Revalidator,
    rejections: Rejections,
) -> None:
    """Share answers with other servers from now on, where the settings want that."""
    if tiers.shared_answers is None:
        return
    settings = base.settings
    tiers.shared_answers.vouch_by(
        SharedVouching(
            base.installation.directories.feed,
            follower,
            StudyKnowledge(services.states, services.doubts, confirmer.confirm_elsewhere, rejections.hides),
            base.clock,
            settled_s=settings.cache.revalidate_after_s + 2 * settings.pacs.query_deadline_s,
        )
    )


def build_rejections(base: Foundation, services: Services, clients: PacsClients, tiers: Tiers) -> Rejections:
    """What hides rejected instances, of every search and listing of the services."""
    settings = base.settings

    async def drop_answers(tenant_id: str, study_instance_uid: str) -> None:
        await tiers.hot.invalidate(tenant_id, study_instance_uid)

    rejections = Rejections(
        clients,
        NoteReading(services.lister, services.retrieve, services.instances),
        services.places,
        AskLimits(settings.retrieve.max_listed_instances, settings.pacs.query_deadline_s),
        drop_answers,
        base.clock,
        max_age_s=settings.cache.revalidate_after_s,
    )
    hiding = RejectedMatchFilter(rejections, services.lister)
    services.lister.hide_by(hiding.listing)
    services.query.hide_by(hiding)
    return rejections


async def follow_changes(
    base: Foundation,
    services: Services,
    invalidation: Invalidation,
    pacs: PacsSide,
    limiter: Limiter,
    rejections: Rejections,
) -> ChangeFollower:
    """Do what changes ask for from now on.

    Raises:
        DatabaseUnavailableError: the database can't be reached.
    """
    installation = base.installation

    async def start_over() -> None:
        services.authenticator.invalidate()
        listed = {tenant.tenant_id for tenant in await installation.directories.tenants.list_tenants()}
        for tenant_id in listed | {tenant_id for tenant_id, _ in pacs.clients.connected()}:
            await pacs.clients.refresh(tenant_id)
            await invalidation.pacs_reconfigured(tenant_id)
        limiter.load(await installation.directories.limits.list_limits())
        await load_tenants()

    async def load_tenants(_: Change | None = None) -> None:
        for tenant_id in rejections.load(await installation.directories.tenants.list_tenants()):
            await invalidation.pacs_reconfigured(tenant_id)

    handlers = dict(_change_handlers(services, invalidation, pacs, limiter, installation.directories.limits))
    handlers[ChangeKind.TENANT] = (*handlers[ChangeKind.TENANT], load_tenants)

    async def drop_everything() -> None:
        for tenant in await installation.directories.tenants.list_tenants():
            await invalidation.dropped(tenant.tenant_id, None)

    places = FeedPlaceFile(base.settings.process_dir / "feed-place.json", base.clock)
    follower = ChangeFollower(
        installation.directories.feed, handlers, start_over, places=places, outdated=drop_everything
    )
    await base.run_slow(follower)
    await load_tenants()
    return follower


def _change_handlers(
    services: Services, invalidation: Invalidation, pacs: PacsSide, limiter: Limiter, limits: LimitDirectory
) -> Mapping[ChangeKind, Sequence[ChangeHandler]]:

    async def invalidate_keys(_: Change) -> None:
        services.authenticator.invalidate()

    async def reconnect(change: Change) -> None:
        await pacs.clients.refresh(change.tenant_id)

    async def switch_over(change: Change) -> None:
        await pacs.tracker.refresh(change.tenant_id)
        await invalidation.pacs_switched(change.tenant_id)

    answered_by: dict[str, int] = {}

    async def invalidate_answers(change: Change) -> None:
        generation = pacs.clients.generation(change.tenant_id)
        if answered_by.get(change.tenant_id, 0) != generation:  # else the same PACS would say the same
            answered_by[change.tenant_id] = generation
            await invalidation.pacs_reconfigured(change.tenant_id)

    async def drop_cached(change: Change) -> None:
        if change.part:
            await invalidation.narrowed(CacheScope.decode(change.part))
        else:
            await invalidation.dropped(change.tenant_id, change.subject or None)

    async def erase_cached(change: Change) -> None:
        await invalidation.erased(change.tenant_id, change.subject)

    async def load_limits(_: Change) -> None:
        limiter.load(await limits.list_limits())

    return {
        ChangeKind.KEY: (invalidate_keys,),
        ChangeKind.TENANT: (invalidate_keys, reconnect, invalidate_answers, load_limits),
        ChangeKind.PACS: (reconnect, invalidate_answers),
        ChangeKind.FAILOVER: (switch_over,),
        ChangeKind.CACHE: (drop_cached,),
        ChangeKind.ERASURE: (erase_cached,),
        ChangeKind.LIMITS: (load_limits,),
    }
