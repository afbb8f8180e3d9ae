from radgate_server.core.cache.invalidations import Invalidations
from radgate_server.core.cache.ports.tiers import CacheKey


def key(study: str, tenant: str = "alpha") -> CacheKey:
    return CacheKey(tenant, study, "frames", "1")


def test_a_study_that_is_known_no_more_counts_as_invalidated() -> None:
    invalidations = Invalidations(most_studies=2)
    before = invalidations.mark()
    for study in ("1.1", "1.2", "1.3"):
        invalidations.record("alpha", study)
    after = invalidations.mark()
    assert not invalidations.is_current(before, key("1.1"))
    assert not invalidations.is_current(before, key("1.9"))
    assert invalidations.is_current(after, key("1.1"))
    assert invalidations.is_current(after, key("1.9"))


def test_studies_tenants_and_answers_of_no_study_are_distinguished() -> None:
    invalidations = Invalidations()
    mark = invalidations.mark()
    invalidations.record("alpha", "1.1")
    current = [key("1.1"), key("1.2"), key(""), key("1.1", "beta"), key("", "beta")]
    assert [invalidations.is_current(mark, one) for one in current] == [False, True, False, True, True]
    invalidations.record("alpha", None)
    assert not invalidations.is_current(mark, key("1.2"))
