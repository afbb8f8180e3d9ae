"""What prefetches studies in a running server."""

from radgate_server.adapters.pacs.dimse.worklist import build_dimse_worklist
from radgate_server.adapters.telemetry.metrics.worklists import WorklistMetrics
from radgate_server.app.foundation import Foundation
from radgate_server.installation.administration import build_study_finder
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.prefetch.administration import PrefetchAdmin
from radgate_server.services.prefetch.events import PrefetchEvents
from radgate_server.services.prefetch.fetching import StudyPrefetcher
from radgate_server.services.prefetch.triggering import PriorTrigger
from radgate_server.services.prefetch.worklists import WorklistReader, WorklistSource
from radgate_server.services.repeating import Sleep
from radgate_server.services.retrieve.retrieval import RetrieveService


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
        base.telemetry,
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
        recent_days=base.settings.prefetch.arrival_days,
    )
    events = PrefetchEvents(trigger, base.telemetry, sleep=sleep)
    base.run(events)
    return events


def read_worklists(base: Foundation, events: PrefetchEvents) -> None:
    """Look at each modality worklist of the settings from now on.

    Raises:
        ConfigurationError: a certificate or key file of its TLS can't be used.
    """
    settings, readers = base.settings, base.installation.directories.feed_readers
    metrics = WorklistMetrics(base.telemetry.families)
    for each in settings.prefetch.worklists:
        worklist = build_dimse_worklist(each.name, each.connection(settings.dicom_aet), settings.dimse)
        base.stack.push_async_callback(worklist.close)
        zone = settings.reports.zone_of(each.tenant)
        source = WorklistSource(each.name, each.tenant, zone, each.interval_s, each.days)
        base.run(WorklistReader(source, worklist, readers, events.is_wanted, events.offer, base.clock, metrics))
