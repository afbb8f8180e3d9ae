"""What to ask a PACS for, when some of what it lists is there already. Pure decisions."""

from collections.abc import Sequence

from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import ListedInstance


def plan_scopes(
    scope: RetrieveScope, listed: Sequence[ListedInstance], missing: Sequence[ListedInstance]
) -> list[RetrieveScope]:
    """The fewest fetches that bring what is missing without bringing much that is there.

    Everything missing: the scope itself. Of a series, more than half: the whole series. Else one by one.
    """
    if len(missing) == len(listed):
        return [scope]
    sizes = _count_by_series(listed)
    gaps = _count_by_series(missing)
    whole = {series for series, count in gaps.items() if 2 * count > sizes[series]}
    scopes = [RetrieveScope(scope.study_instance_uid, series) for series in gaps if series in whole]
    singles = (entry.ref for entry in missing if entry.ref.series_instance_uid not in whole)
    return scopes + [instance_scope(ref) for ref in singles]


def instance_scope(ref: InstanceRef) -> RetrieveScope:
    """The scope of one instance."""
    return RetrieveScope(ref.study_instance_uid, ref.series_instance_uid, ref.sop_instance_uid)


def _count_by_series(entries: Sequence[ListedInstance]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for entry in entries:
        counts[entry.ref.series_instance_uid] = counts.get(entry.ref.series_instance_uid, 0) + 1
    return counts
