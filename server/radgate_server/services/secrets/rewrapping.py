"""Wraps secrets anew in the background, whoever rotated the key."""

import asyncio
import logging

from radgate_server.core.errors import GatewayError
from radgate_server.services.secrets.keeping import SecretKeeper

_log = logging.getLogger(__name__)


class Rewrapper:
    """Looks every `interval_s` seconds, from the start on, for secrets that are under an old key."""

    def __init__(self, keeper: SecretKeeper, *, interval_s: float) -> None:
        self._keeper = keeper
        self._interval_s = interval_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; several servers may do so at once."""
        self._task = asyncio.create_task(self._go_on(), name="rewrapper")

    async def close(self) -> None:
        """Stop; what is done stays so."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _go_on(self) -> None:
        while True:
            try:
                progress = await self._keeper.rewrap()
                if progress.total:
                    told = {"done": progress.done, "failed": progress.failed, "total": progress.total}
                    _log.info("secrets were wrapped anew under the current key", extra=told)
            except GatewayError as error:
                _log.warning("secrets can't be wrapped anew for now: %s", error.message)
            except Exception:  # noqa: BLE001 - whatever it was, the next look may find it gone
                _log.exception("secrets can't be wrapped anew because of a defect")
            await asyncio.sleep(self._interval_s)
