"""The jobs that are known: those in progress, and for a while those that have ended."""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from radgate_server.core.errors import ResourceNotFoundError
from radgate_server.core.jobs.job import Job, JobState
from radgate_server.lib.clock import Clock

KEPT_S = 24 * 3600.0
KEPT_COUNT = 1000
"""For how long, and how many of a tenant's, jobs that have ended are remembered."""


class Entry:
    """One job as it stands, and who waits for it to change."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.changed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def change(self, **values: Any) -> None:
        """Replace fields of the job, and wake who waits; one that has ended stays as it is."""
        if self.job.state.final:
            return
        self.job = replace(self.job, **values)
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()


class Register:
    """Entries by tenant and by name. Asking for anything drops what has been kept long enough."""

    def __init__(self, clock: Clock, *, kept_s: float = KEPT_S, kept_count: int = KEPT_COUNT) -> None:
        self._clock = clock
        self._kept = timedelta(seconds=kept_s)
        self._kept_count = kept_count
        self._entries: defaultdict[str, dict[str, Entry]] = defaultdict(dict)  # in the order of their coming
        self._ended: defaultdict[str, OrderedDict[str, Entry]] = defaultdict(OrderedDict)  # in that of their ending
        self._asked: dict[tuple[str, str], Entry] = {}  # by request_id

    def add(self, entry: Entry) -> None:
        """Know one more."""
        request = entry.job.request
        self._entries[request.tenant_id][entry.job.job_id] = entry
        if request.request_id:
            self._asked[request.tenant_id, request.request_id] = entry

    def end(self, entry: Entry, state: JobState, reason: str = "", message: str = "") -> None:
        """Let the job have ended, now."""
        entry.change(state=state, ended=self._clock.now(), reason=reason, message=message)
        tenant_id = entry.job.request.tenant_id
        self._ended[tenant_id][entry.job.job_id] = entry
        self._drop_old(tenant_id)

    def get(self, tenant_id: str, job_id: str) -> Entry:
        """The entry. Raises ResourceNotFoundError."""
        self._drop_old(tenant_id)
        entry = self._entries[tenant_id].get(job_id)
        if entry is None:
            raise ResourceNotFoundError("there is no such job, or it ended long ago; list the jobs to see those known")
        return entry

    def asked(self, tenant_id: str, request_id: str) -> Entry | None:
        """The entry of the request that came with this `request_id`, None also when that is ""."""
        self._drop_old(tenant_id)
        return self._asked.get((tenant_id, request_id))

    def of_tenant(self, tenant_id: str) -> list[Entry]:
        """The tenant's entries, in the order of their coming."""
        self._drop_old(tenant_id)
        return list(self._entries[tenant_id].values())

    def __iter__(self) -> Iterator[Entry]:
        """All entries."""
        for entries in list(self._entries.values()):
            yield from list(entries.values())

    def _drop_old(self, tenant_id: str) -> None:
        ended, oldest = self._ended[tenant_id], self._clock.now() - self._kept
        while ended:
            job = next(iter(ended.values())).job
            if len(ended) <= self._kept_count and job.ended and job.ended > oldest:
                return
            del ended[job.job_id], self._entries[tenant_id][job.job_id]
            self._asked.pop((tenant_id, job.request.request_id), None)
