import pytest

from radgate_server.core.cache.scope import CacheScope
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import UNKNOWN_ORIGIN, Origin

REF = InstanceRef("1.1", "1.2", "1.3")
ORIGIN = Origin("main", 1000.0)


@pytest.mark.parametrize(
    ("scope", "covered", "is_part"),
    [
        (CacheScope("east"), True, False),
        (CacheScope("east", "1.1"), True, False),
        (CacheScope("east", "1.9"), False, False),
        (CacheScope("east", "1.1", "1.2"), True, True),
        (CacheScope("east", "1.1", "1.9"), False, True),
        (CacheScope("east", "1.1", "1.2", "1.3"), True, True),
        (CacheScope("east", "1.1", "1.2", "1.9"), False, True),
        (CacheScope("east", pacs="main"), True, True),
        (CacheScope("east", pacs="other"), False, True),
        (CacheScope("east", fetched_before_s=1000.5), True, True),
        (CacheScope("east", fetched_before_s=1000.0), False, True),
        (CacheScope("east", "1.1", pacs="main", fetched_before_s=10.0), False, True),
    ],
)
def test_what_a_scope_covers(scope: CacheScope, covered: bool, is_part: bool) -> None:
    assert scope.covers(REF, ORIGIN) is covered
    assert scope.is_part is is_part
    assert CacheScope.decode(scope.encode()) == scope


def test_what_may_be_covered_is() -> None:
    assert CacheScope("east", pacs="main", fetched_before_s=10.0).covers(REF, UNKNOWN_ORIGIN)
    assert not CacheScope("east", "1.9", pacs="main").covers(REF, UNKNOWN_ORIGIN)
