"""What was invalidated lately, so that nothing is stored that was read before it."""

from collections import OrderedDict

from radgate_server.core.cache.ports.tiers import CacheKey, CacheMark

_MOST_STUDIES = 10_000


class LatestByStudy:
    """The last number recorded for each study; numbers never fall. Before any is recorded it is `first`.

    The last ones of `most_studies` studies are known apart; of others only that they came before.
    """

    def __init__(self, first: float, *, most_studies: int = _MOST_STUDIES) -> None:
        self._first = first
        self._most_studies = most_studies
        self._floor = first
        self._tenants: dict[str, float] = {}
        self._any_of_tenant: dict[str, float] = {}
        self._studies: OrderedDict[tuple[str, str], float] = OrderedDict()

    def record(self, tenant_id: str, study_instance_uid: str | None, number: float) -> None:
        """For one study of the tenant, or all; for answers of no study (queries) always."""
        self._any_of_tenant[tenant_id] = number
        if study_instance_uid is None:
            self._tenants[tenant_id] = number
            return
        key = (tenant_id, study_instance_uid)
        self._studies[key] = number
        self._studies.move_to_end(key)
        if len(self._studies) > self._most_studies:
            self._floor = self._studies.popitem(last=False)[1]

    def of(self, key: CacheKey) -> float:
        """The last number that concerns what is cached under this key."""
        tenant_id, study = key.tenant_id, key.study_instance_uid
        if not study:
            return self._any_of_tenant.get(tenant_id, self._first)
        return max(self._tenants.get(tenant_id, self._first), self._studies.get((tenant_id, study), self._floor))


class Invalidations:
    """Numbers invalidations. A mark taken before a read shows whether what was read may still be stored."""

    def __init__(self, *, most_studies: int = _MOST_STUDIES) -> None:
        self._last = 0
        self._latest = LatestByStudy(0, most_studies=most_studies)

    def mark(self) -> CacheMark:
        """The place in the order of invalidations from which on a read is as new as they are."""
        return CacheMark(self._last)

    def record(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """One study of the tenant, or all, is invalidated; answers of no study (queries) always are."""
        self._last += 1
        self._latest.record(tenant_id, study_instance_uid, self._last)

    def is_current(self, mark: CacheMark, key: CacheKey) -> bool:
        """Whether nothing was invalidated under this key since the mark was taken."""
        return self._latest.of(key) <= mark
