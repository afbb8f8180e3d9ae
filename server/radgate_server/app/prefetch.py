"""What prefetches studies in a running server."""

from radgate_server.app.foundation import Foundation
from radgate_server.services.prefetch.fetching import StudyPrefetcher
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
        retained_days=max(1, base.settings.cache.access_history_days),
    )
