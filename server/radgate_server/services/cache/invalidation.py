"""What this process forgets when something changes: in the configuration, in a PACS, or by order of somebody."""

from collections.abc import Callable, Sequence

from radgate_server.core.cache.ports.tiers import HotCache, InstanceStore
from radgate_server.core.quarantine.ports import QuarantineEraser
from radgate_server.services.cache.study_states import StudyStates
from radgate_server.services.cache.watching import NewsDesk, StudyNews
from radgate_server.services.query.search import QueryService
from radgate_server.services.query.study_facts import StudyFactsReader
from radgate_server.services.retrieve.listing import StudyLister

type StopsKeeping = Callable[[str, str | None], None]
"""(tenant, Study Instance UID or None for all): has what is on its way from the PACS kept no more."""

type Memory = Callable[[str, str], None]
"""(tenant, Study Instance UID): forgets what it knows of the study."""


class Forgetting:
    """Knows all places where something is remembered of a tenant's studies."""

    def __init__(
        self,
        *,
        query: QueryService,
        lister: StudyLister,
        facts: StudyFactsReader,
        forget_rejected: StopsKeeping,
        states: StudyStates,
        kept_states: HotCache,
        hot: HotCache,
        derived: HotCache,
        store: InstanceStore,
        quarantine: QuarantineEraser,
        news: NewsDesk,
        stop_keeping: StopsKeeping,
        memories: Sequence[Memory] = (),
    ) -> None:
        self._query = query
        self._lister = lister
        self._facts = facts
        self._forget_rejected = forget_rejected
        self._states = states
        self._kept_states = kept_states
        self._hot = hot
        self._derived = derived
        self._store = store
        self._quarantine = quarantine
        self._news = news
        self._stop_keeping = stop_keeping
        self._memories = memories

    def places(self, tenant_id: str) -> None:
        """Another PACS answers from now on: ask anew who holds what. What was fetched stays good."""
        self._query.invalidate(tenant_id)
        self._lister.invalidate(tenant_id)
        self._facts.invalidate(tenant_id)
        self._forget_rejected(tenant_id, None)

    async def answers(self, tenant_id: str) -> None:
        """The tenant's PACS are others: forget whatever they said. What was fetched stays."""
        self.places(tenant_id)
        self._states.distrust(tenant_id)
        await self._hot.invalidate(tenant_id, None)

    def distrust(self, tenant_id: str) -> None:
        """Something may have changed unseen: have the PACS confirm each study before it is served again."""
        self._states.distrust(tenant_id)

    async def cached(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """Somebody wants it dropped: one study of the tenant, or all."""
        self._query.invalidate(tenant_id, pages=study_instance_uid is None)
        self._lister.invalidate(tenant_id, study_instance_uid)
        self._facts.invalidate(tenant_id, study_instance_uid)
        self._forget_rejected(tenant_id, study_instance_uid)
        self._states.invalidate(tenant_id, study_instance_uid)
        self._stop_keeping(tenant_id, study_instance_uid)
        await self._store.invalidate(tenant_id, study_instance_uid)
        await self._derived.invalidate(tenant_id, study_instance_uid)
        await self._kept_states.invalidate(tenant_id, study_instance_uid)
        await self._hot.invalidate(tenant_id, study_instance_uid)
        if study_instance_uid is None:
            await self._quarantine.erase_tenant(tenant_id)
        else:
            self._news.tell(tenant_id, StudyNews(study_instance_uid, pacs="", removed=False))

    async def erased(self, tenant_id: str, study_instance_uid: str) -> None:
        """Nothing of the study is to be left: no page of a search that somebody turns, nor whose it is and where."""
        self._query.invalidate(tenant_id)
        await self._quarantine.erase_study(tenant_id, study_instance_uid)
        await self.cached(tenant_id, study_instance_uid)
        for forget in self._memories:  # after what they are filled from
            forget(tenant_id, study_instance_uid)

    async def changed(self, tenant_id: str, news: StudyNews) -> None:
        """A PACS tells of a change. Instances that were fetched stay good unless some were removed or overwritten.

        When the PACS can't tell which study it was, it may be any.
        """
        study_instance_uid = news.study_instance_uid or None
        self._query.invalidate(tenant_id, pages=False)
        self._lister.invalidate(tenant_id, study_instance_uid)
        self._facts.invalidate(tenant_id, study_instance_uid)
        self._forget_rejected(tenant_id, study_instance_uid)
        if news.doubtful:
            self._states.distrust(tenant_id, study_instance_uid)
        if news.removed:
            self._states.invalidate(tenant_id, study_instance_uid)
            self._stop_keeping(tenant_id, study_instance_uid)
            await self._store.invalidate(tenant_id, study_instance_uid)
            await self._derived.invalidate(tenant_id, study_instance_uid)
            await self._kept_states.invalidate(tenant_id, study_instance_uid)
        await self._hot.invalidate(tenant_id, study_instance_uid)
        self._news.tell(tenant_id, news)
