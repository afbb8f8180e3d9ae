"""Remembers when API keys were used, and writes it down at intervals, away from the calls."""

import asyncio
import logging
from datetime import datetime

from radgate_server.core.access.ports.directory import KeyDirectory
from radgate_server.core.errors import GatewayError
from radgate_server.lib.clock import Clock
from radgate_server.services.repeating import Repeating, Sleep

_log = logging.getLogger(__name__)

_TROUBLE = "it can't be written down when keys were used"
_COARSE_S = 60.0  # a use less than this after the last one that was noted is no news


class KeyUses(Repeating):
    """`note` is called when a key has been checked, which a key in constant use is once a minute."""

    def __init__(
        self, keys: KeyDirectory, clock: Clock, *, interval_s: float = 10.0, sleep: Sleep = asyncio.sleep
    ) -> None:
        super().__init__("key-uses", interval_s=interval_s, trouble=_TROUBLE, sleep=sleep)
        self._keys = keys
        self._clock = clock
        self._recorded: dict[str, datetime] = {}
        self._written: dict[str, datetime] = {}

    def note(self, key_id: str) -> None:
        """Remember that the key is used now."""
        now = self._clock.now()
        written = self._written.get(key_id)
        if written is None or (now - written).total_seconds() >= _COARSE_S:
            self._recorded[key_id] = now

    async def close(self) -> None:
        """Write what is left, and no more."""
        await super().close()
        try:
            await self.look()
        except GatewayError as error:
            _log.warning("%s: %s", _TROUBLE, error.message)

    async def look(self) -> None:
        """Write what was noted; what can't be written now is retried next time. Raises GatewayError."""
        recorded, self._recorded = self._recorded, {}
        if not recorded:
            return
        try:
            await self._keys.record_use(recorded)
        except BaseException:  # cancelled too: to write one twice does no harm
            self._recorded = {**recorded, **self._recorded}
            raise
        now = self._clock.now()
        recent = {key: at for key, at in self._written.items() if (now - at).total_seconds() < _COARSE_S}
        self._written = {**recent, **recorded}
