"""What servers that have ended left in their spools reaches the chain without them."""

import asyncio
import logging

from radgate_server.core.audit.ports.spool import LeftSpools
from radgate_server.services.repeating import Repeating, Sleep

_log = logging.getLogger(__name__)

INTERVAL_S = 3.0


class SpoolTakeOver(Repeating):
    """Looks every INTERVAL_S seconds; a look that is in progress ends before it is closed."""

    def __init__(self, left: LeftSpools, *, sleep: Sleep = asyncio.sleep) -> None:
        super().__init__(
            "spool-take-over",
            interval_s=INTERVAL_S,
            trouble="what another server left in its audit spool can't be taken over",
            wait_first=True,
            sleep=sleep,
        )
        self._left = left
        self._looking: asyncio.Future[int] | None = None

    async def look(self) -> None:
        """Commit what was left."""
        self._looking = asyncio.ensure_future(asyncio.to_thread(self._left.take_over))
        count = await asyncio.shield(self._looking)
        if count:
            _log.warning("%d records that another server had left in its audit spool are in the chain now", count)

    async def close(self) -> None:
        """Look no more; the database is in use until this returns."""
        await super().close()
        if self._looking is not None:
            await asyncio.wait([self._looking])
