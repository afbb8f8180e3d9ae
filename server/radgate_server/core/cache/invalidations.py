"""What was invalidated lately, so that nothing is stored that was read before it."""

from collections import OrderedDict

from radgate_server.core.cache.ports.tiers import CacheKey, CacheMark

_MOST_STUDIES = 10_000


class Invalidations:
    """Numbers invalidations. A mark taken before a read shows whether what was read may still be stored.

    The last ones of `most_studies` studies are known apart; of others only that they came before.
    """

    def __init__(self, *, most_studies: int = _MOST_STUDIES) -> None:
        self._most_studies = most_studies
        self._last = 0
        self._floor = 0
        self._tenants: dict[str, int] = {}
        self._any_of_tenant: dict[str, int] = {}
        self._studies: OrderedDict[tuple[str, str], int] = OrderedDict()

    def mark(self) -> CacheMark:
        """The place in the order of invalidations from which on a read is as new as they are."""
        return CacheMark(self._last)

    def record(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """One study of the tenant, or all, is invalidated; answers of no study (queries) always are."""
        self._last += 1
        self._any_of_tenant[tenant_id] = self._last
        if study_instance_uid is None:
            self._tenants[tenant_id] = self._last
            return
        key = (tenant_id, study_instance_uid)
        self._studies[key] = self._last
        self._studies.move_to_end(key)
        if len(self._studies) > self._most_studies:
            self._floor = self._studies.popitem(last=False)[1]

    def is_current(self, mark: CacheMark, key: CacheKey) -> bool:
        """Whether nothing was invalidated under this key since the mark was taken."""
        tenant_id, study = key.tenant_id, key.study_instance_uid
        if not study:
            return self._any_of_tenant.get(tenant_id, 0) <= mark
        since = max(self._tenants.get(tenant_id, 0), self._studies.get((tenant_id, study), self._floor))
        return since <= mark
