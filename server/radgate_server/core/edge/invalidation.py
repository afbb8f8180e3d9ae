"""Which paths at the edge a change of the feed concerns: pure decisions."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from radgate_server.core.access.ports.directory import Change, ChangeKind
from radgate_server.core.cache.scope import CacheScope
from radgate_server.core.edge.grant import PREFIX

MOST_PATHS = 15
"""So many wildcards CloudFront takes for one distribution at a time."""
_LEVELS = ("studies", "series", "instances")


class EdgePath(NamedTuple):
    """All that lies at the edge of a tenant, or of one study, series or instance: "" names any."""

    tenant_id: str
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    sop_instance_uid: str = ""

    @property
    def wildcard(self) -> str:
        """The path as CloudFront takes it; it covers queries too."""
        named = "".join(f"{level}/{uid}/" for level, uid in zip(_LEVELS, self[1:], strict=True) if uid)
        return f"{PREFIX}{self.tenant_id}/{named}*"

    def covers(self, other: "EdgePath") -> bool:
        """Whether all of the other lies in this one."""
        return all(own in ("", uid) for own, uid in zip(self, other, strict=True))


class EdgeBatch(NamedTuple):
    """What is invalidated at once, and the number of the last change that it covers."""

    paths: Sequence[EdgePath]
    sequence: int


def next_batch(changes: Iterable[Change], tenants: Collection[str]) -> EdgeBatch | None:
    """The batch for as many changes, in their order, as fit into one; None without changes.

    Of other tenants than the edge's only erasures count: they may have been the edge's before. When single paths are
    too many, all of their tenants goes.
    """
    batch: EdgeBatch | None = None
    found: set[EdgePath] = set()
    for change in changes:
        path = _path_of(change, tenants)
        wider = found if path is None else _fitting({*found, path})
        if len(wider) > MOST_PATHS:
            return batch
        found = wider
        batch = EdgeBatch(sorted(found), change.sequence)
    return batch


def _path_of(change: Change, tenants: Collection[str]) -> EdgePath | None:
    if change.kind is ChangeKind.ERASURE:
        return EdgePath(change.tenant_id, change.subject)
    if change.kind is not ChangeKind.CACHE or change.tenant_id not in tenants:
        return None
    if not change.part:
        return EdgePath(change.tenant_id, change.subject)
    scope = CacheScope.decode(change.part)  # whose PACS and time the edge does not know
    return EdgePath(scope.tenant_id, scope.study_instance_uid, scope.series_instance_uid, scope.sop_instance_uid)


def _fitting(paths: set[EdgePath]) -> set[EdgePath]:
    if len(paths) > MOST_PATHS:
        paths = {EdgePath(path.tenant_id) for path in paths}
    return {path for path in paths if not any(other != path and other.covers(path) for other in paths)}
