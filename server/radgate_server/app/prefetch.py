"""What prefetches studies in a running server."""

from radgate_server.app.foundation import Foundation
from radgate_server.installation.administration import build_study_finder
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.prefetch.administration import PrefetchAdmin
from radgate_server.services.prefetch.events import PrefetchEvents
from radgate_server.services.prefetch.fetching import StudyPrefetcher
from radgate_server.services.prefetch.triggering import PriorTrigger
from radgate_server.services.repeating import Sleep
from radgate_server.services.retrieve.retrieval import RetrieveService

RECENT_DAYS = 3
"""Of the studies that PACS report, those of more days ago set nothing off."""


def build_prefetcher(base: Foundation, retrieve: RetrieveService) -> StudyPrefetcher:
    """The handler of jobs that prefetch; its records live as long as the history of accesses."""
    installation = base.installation

    async def is_erased(tenant_id: str, study_instance_uid: str) -> bool:
        orders = await installation.retention.erasures.list_erasures(tenant_id, None)
        return any(study_instance_uid in erasure.order.studies for erasure in orders)

    return StudyPrefetcher(
        retrieve,
        installation.directories.prefetched,
        is_erased,
        base.clock,
        retained_days=max(1, base.settings.cache.access_history_days),
    )


def open_prefetch_events(
    base: Foundation, clients: PacsClients, prefetch: PrefetchAdmin, sleep: Sleep
) -> PrefetchEvents:
    """What takes events that set rules off, and handles them from now on."""
    installation = base.installation
    trigger = PriorTrigger(
        installation.directories.prior_rules,
        build_study_finder(clients, base.settings),
        prefetch,
        installation.secrets.box,
        base.clock,
        base.telemetry,
        recent_days=RECENT_DAYS,
    )
    events = PrefetchEvents(trigger, base.telemetry, sleep=sleep)
    base.run(events)
    return events
