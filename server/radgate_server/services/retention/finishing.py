"""Carries out orders to erase that a process left behind, killed or without its database."""

import asyncio
import logging
from datetime import timedelta

from radgate_server.core.errors import GatewayError
from radgate_server.core.retention.ports.erasure import Erasure, ErasureRecords
from radgate_server.lib.clock import Clock
from radgate_server.services.repeating import Repeating, Sleep
from radgate_server.services.retention.erasure import CacheEraser

_log = logging.getLogger(__name__)

INTERVAL_S = 15.0
PATIENCE = timedelta(seconds=30)
"""An order that is younger is being carried out by who took it. If it still is later, both do the same."""


class ErasureFinisher(Repeating):
    """Looks every INTERVAL_S seconds."""

    def __init__(
        self,
        records: ErasureRecords,
        eraser: CacheEraser,
        clock: Clock,
        *,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        super().__init__(
            "erasure-finisher", interval_s=INTERVAL_S, trouble="orders to erase cached data can't be read", sleep=sleep
        )
        self._records = records
        self._eraser = eraser
        self._clock = clock

    async def look(self) -> int:
        """Finish what is unfinished; return how many orders that were. One that can't be finished holds up no other.

        Raises:
            DatabaseUnavailableError: the orders can't be read.
        """
        left = await self._records.unfinished(self._clock.now() - PATIENCE)
        return sum([await self._finish(erasure) for erasure in left])

    async def _finish(self, erasure: Erasure) -> bool:
        try:
            await self._eraser.carry_out(erasure)
        except GatewayError as error:
            _log.warning("an erasure of cached data can't be finished for now: %s", error.message)
            return False
        except Exception:  # noqa: BLE001 - whatever it was, the next look may find it gone
            _log.exception("an erasure of cached data can't be finished because of a defect")
            return False
        _log.info("an erasure of cached data was finished", extra={"tenant": erasure.order.tenant_id})
        return True
