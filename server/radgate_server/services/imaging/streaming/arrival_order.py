"""Fetching a study series by series, the one that a viewer wants most first."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Self

from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import FailedInstance
from radgate_server.core.errors import GatewayError
from radgate_server.services.retrieve.retrieval import RetrieveService

type Arrived = InstanceRef | FailedInstance


class ArrivingSeries:
    """One series is fetched after the other; `hurry` lets the one that is wanted most now be fetched beside it.

    A context manager: entering begins, leaving ends what is in progress. What has arrived is taken with `take`.
    """

    def __init__(
        self,
        retrieve: RetrieveService,
        tenant_id: str,
        instances: dict[RetrieveScope, list[InstanceRef]],
        rank: Callable[[str], int],
    ) -> None:
        """`instances` are those listed in each scope; `rank` is lowest for the series that is wanted most."""
        self._retrieve = retrieve
        self._tenant_id = tenant_id
        self._pending = instances
        self._rank = rank
        self._arrived: list[Arrived] = []
        self._changed = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._slots = 1
        self._defect: BaseException | None = None

    async def __aenter__(self) -> Self:
        """Begin with the series that is wanted most."""
        self._begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        """End what is in progress, and begin nothing in place of what ends just now."""
        self._pending.clear()
        running = tuple(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    @property
    def over(self) -> bool:
        """Whether everything has arrived, and been taken; not before `take` has reported a defect."""
        return not (self._running or self._arrived or self._defect)

    def take(self) -> list[Arrived]:
        """What has arrived since the last time, fetched or failed; each instance once."""
        if self._defect is not None:
            raise self._defect
        taken, self._arrived = self._arrived, []
        return taken

    async def wait(self) -> None:
        """Return when there is something to take, or all is over."""
        while not self._arrived and self._running:
            self._changed.clear()
            await self._changed.wait()

    def hurry(self, series_instance_uid: str) -> None:
        """This series is wanted most now; one that is in progress or already cached keeps the PACS for itself."""
        if any(scope.series_instance_uid == series_instance_uid for scope in self._pending):
            self._slots = 2
            self._begin()

    def _begin(self) -> None:
        while self._pending and len(self._running) < self._slots:
            scope = min(self._pending, key=lambda scope: self._rank(scope.series_instance_uid or ""))
            task = asyncio.ensure_future(self._bring(scope, self._pending.pop(scope)))
            self._running.add(task)
            task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._changed.set()
        if not task.cancelled():
            self._defect = self._defect or task.exception()
            self._slots = 1
            self._begin()

    async def _bring(self, scope: RetrieveScope, listed: list[InstanceRef]) -> None:
        reported: set[InstanceRef] = set()
        try:
            async with (
                self._retrieve.open(self._tenant_id, scope) as retrieval,
                aclosing(aiter(retrieval)) as all_of_it,
            ):
                for ref in retrieval.near:  # known at once, so that the middle one of them can go first
                    reported.add(ref)
                    self._report(ref)
                async for delivery in all_of_it:
                    if delivery.ref not in reported:
                        reported.add(delivery.ref)
                        self._report(delivery if isinstance(delivery, FailedInstance) else delivery.ref)
        except GatewayError as error:
            for ref in listed:
                if ref not in reported:
                    self._report(FailedInstance(ref, error))

    def _report(self, arrived: Arrived) -> None:
        self._arrived.append(arrived)
        self._changed.set()
