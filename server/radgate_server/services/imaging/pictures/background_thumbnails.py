"""Thumbnails made when instances arrive, so that they are there when somebody looks."""

import asyncio
import logging
from collections import deque

from radgate_server.core.cache.ports.tiers import InstanceStore
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.errors import GatewayError
from radgate_server.core.imaging.ports import Priority
from radgate_server.services.imaging.pictures.thumbnails import MakeThumbnail

_log = logging.getLogger(__name__)

MAX_WAITING = 5000
QUIET_S = 1.0
"""Nothing is begun until this long after the last arrival: a retrieve has the machine for itself."""


class BackgroundThumbnails:
    """One thumbnail after the other, behind everything that somebody waits for.

    What arrives while MAX_WAITING instances wait is passed over; its thumbnail is made when it is asked for.
    """

    def __init__(self, store: InstanceStore, make: MakeThumbnail, *, quiet_s: float = QUIET_S) -> None:
        self._store = store
        self._make = make
        self._quiet_s = quiet_s
        self._waiting: deque[tuple[str, InstanceRef]] = deque()
        self._arrival = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="background-thumbnails")

    async def close(self) -> None:
        """Stop; what waits is forgotten."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def offer(self, tenant_id: str, handle: InstanceHandle) -> None:
        """An instance has arrived."""
        self._arrival.set()
        if len(self._waiting) < MAX_WAITING:
            self._waiting.append((tenant_id, handle.ref))

    async def _run(self) -> None:
        while True:
            await self._arrival.wait()
            await self._until_quiet()
            while self._waiting and not self._arrival.is_set():
                await self._make_next(*self._waiting.popleft())

    async def _until_quiet(self) -> None:
        while self._arrival.is_set():
            self._arrival.clear()
            await asyncio.sleep(self._quiet_s)

    async def _make_next(self, tenant_id: str, ref: InstanceRef) -> None:
        try:
            handle = await self._store.get(tenant_id, ref)
            if handle is not None:
                await self._make(tenant_id, handle, Priority.THUMBNAIL)
        except GatewayError:  # whoever asks for it gets the reason
            return
        except Exception:  # noqa: BLE001 - one defect must not end them all
            _log.exception("a thumbnail was not made because of a defect")
