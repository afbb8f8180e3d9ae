"""Whose an API key is."""

import hmac
from collections.abc import Mapping
from datetime import datetime

from radgate_server.core.access.credentials import REFUSED, Identified
from radgate_server.core.access.ports.directory import KeyDirectory
from radgate_server.core.access.tenancy import ApiKey, Principal
from radgate_server.core.errors import UnauthenticatedError
from radgate_server.core.secrets.ports import Fingerprints
from radgate_server.lib.answer_cache import AnswerCache
from radgate_server.lib.clock import Clock
from radgate_server.services.access.api_keys import split_token
from radgate_server.services.access.key_uses import KeyUses

_CACHED_FOR_S = 60.0


class KeyChecker:
    """Compares API keys with the directory's."""

    def __init__(self, keys: KeyDirectory, box: Fingerprints, clock: Clock, uses: KeyUses) -> None:
        self._keys = keys
        self._box = box
        self._clock = clock
        self._uses = uses
        self._every_key: AnswerCache[None, Mapping[str, ApiKey]] = AnswerCache(1, ttl_s=_CACHED_FOR_S, clock=clock)

    async def check(self, token: str, *, from_memory: bool = False) -> Identified:
        """Return whose it is. Raises UnauthenticatedError.

        `from_memory` reads all keys once a minute, so that any number of guesses costs the database no more than that.
        """
        parts = split_token(token)
        key = None
        if parts is not None:
            if from_memory:
                key = (await self._every_key.get_or_load(None, self._read_every_key)).get(parts[0])
            else:
                key = await self._keys.find_key(parts[0])
        if parts is None or key is None:
            raise UnauthenticatedError(REFUSED, why="there is no such key")
        if not hmac.compare_digest(key.secret_hash, self._box.fingerprint(parts[1])):
            raise UnauthenticatedError(REFUSED, why=f"the secret is not that of key {key.key_id}")
        if why := _ended(key, self._clock.now()):
            raise UnauthenticatedError(REFUSED, why=f"key {key.key_id} {why}")
        self._uses.note(key.key_id)
        principal = Principal(key.key_id, key.tenant_ids, key.role, key.label, key.restriction)
        return Identified(principal, key.expire_time)

    def invalidate(self) -> None:
        """Read keys again from now on."""
        self._every_key.invalidate(lambda _: True)

    async def _read_every_key(self) -> Mapping[str, ApiKey]:
        return {key.key_id: key for key in await self._keys.list_every_key()}


def _ended(key: ApiKey, now: datetime) -> str:
    """Why a key that was shown with its secret is not good, "" when it is."""
    if key.revoke_time is not None:
        return f"was revoked at {key.revoke_time.isoformat(timespec='seconds')}"
    if not key.is_good(now):
        return f"expired at {key.expire_time.isoformat(timespec='seconds')}" if key.expire_time else "is not good"
    return "" if key.tenant_ids else "has no tenant any more"
