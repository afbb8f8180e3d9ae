"""ImportedRequests in memory."""

from collections.abc import Collection, Mapping, Set
from datetime import datetime


class MemoryImportedRequests:
    """Remembers `times`, by request."""

    def __init__(self) -> None:
        self.times: dict[str, datetime] = {}

    async def known(self, request_ids: Collection[str]) -> Set[str]:
        return self.times.keys() & set(request_ids)

    async def add(self, times: Mapping[str, datetime], forget_before: datetime) -> None:
        self.times.update(times)
        self.times = {name: time for name, time in self.times.items() if time >= forget_before}
