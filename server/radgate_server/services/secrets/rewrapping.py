"""Wraps secrets again in the background, whoever rotated the key."""

import logging

from radgate_server.services.repeating import Repeating
from radgate_server.services.secrets.administration import SecretAdmin

_log = logging.getLogger(__name__)


class Rewrapper(Repeating):
    """Looks every `interval_s` seconds for secrets that are under an old key; several servers may do so at once."""

    def __init__(self, admin: SecretAdmin, *, interval_s: float) -> None:
        super().__init__("rewrapper", interval_s=interval_s, trouble="secrets can't be wrapped again")
        self._secrets = admin

    async def look(self) -> None:
        """Wrap again what is not under the current key; what is done stays so.

        Raises:
            GatewayError: the secrets, or the keys, can't be reached.
        """
        progress = await self._secrets.rewrap()
        if progress.total:
            reported = {"done": progress.done, "failed": progress.failed, "total": progress.total}
            _log.info("secrets were wrapped again under the current key", extra=reported)
