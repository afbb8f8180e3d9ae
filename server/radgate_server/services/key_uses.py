"""Remembers when API keys were used, and writes it down now and then, away from the calls."""

import asyncio
import logging
from datetime import datetime

from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.core.ports.clock import Clock
from radgate_server.core.ports.directory import KeyDirectory

_log = logging.getLogger(__name__)

_COARSE_S = 60.0  # a use less than this after the last one that was noted is no news


class KeyUses:
    """`note` is called when a key has been checked, which a key in constant use is once a minute."""

    def __init__(self, keys: KeyDirectory, clock: Clock, *, interval_s: float = 10.0) -> None:
        self._keys = keys
        self._clock = clock
        self._interval_s = interval_s
        self._noted: dict[str, datetime] = {}
        self._written: dict[str, datetime] = {}
        self._task: asyncio.Task[None] | None = None

    def note(self, key_id: str) -> None:
        """Remember that the key is used now."""
        now = self._clock.now()
        written = self._written.get(key_id)
        if written is None or (now - written).total_seconds() >= _COARSE_S:
            self._noted[key_id] = now

    def start(self) -> None:
        """Write from now on."""
        self._task = asyncio.create_task(self._write_now_and_then(), name="key-uses")

    async def close(self) -> None:
        """Write what is left, and no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.write()

    async def write(self) -> None:
        """Write what was noted; what can't be written now is tried again next time."""
        noted, self._noted = self._noted, {}
        if not noted:
            return
        try:
            await self._keys.record_use(noted)
        except DatabaseUnavailableError as error:
            self._noted = {**noted, **self._noted}
            _log.warning("can't write down when keys were used: %s", error.message)
        else:
            now = self._clock.now()
            recent = {key: at for key, at in self._written.items() if (now - at).total_seconds() < _COARSE_S}
            self._written = {**recent, **noted}

    async def _write_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            try:
                await self.write()
            except Exception:  # noqa: BLE001 - a defect here must not end the writing for good
                _log.exception("can't write down when keys were used")
