"""Which study a resource of Orthanc is. Of one that is gone, Orthanc remembers nothing."""

from collections import OrderedDict
from collections.abc import Iterable

MAX_KNOWN = 2000


class KnownStudies:
    """The studies that were named last: Orthanc's id and the Study Instance UID."""

    def __init__(self, most: int = MAX_KNOWN) -> None:
        self._most = most
        self._uids: OrderedDict[str, str] = OrderedDict()

    def add(self, resource_id: str, study_instance_uid: str) -> None:
        """Remember one, and forget the one that was named the longest ago when there are too many."""
        if not study_instance_uid:
            return
        self._uids[resource_id] = study_instance_uid
        self._uids.move_to_end(resource_id)
        if len(self._uids) > self._most:
            self._uids.popitem(last=False)

    def forget(self, resource_ids: Iterable[str]) -> None:
        """They are gone."""
        for resource_id in resource_ids:
            self._uids.pop(resource_id, None)

    def all(self) -> dict[str, str]:
        """A copy: id -> Study Instance UID."""
        return dict(self._uids)
