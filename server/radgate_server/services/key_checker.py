"""Whose an API key is."""

import hmac

from radgate_server.core.credentials import REFUSED, Identified
from radgate_server.core.errors import UnauthenticatedError
from radgate_server.core.ports.clock import Clock
from radgate_server.core.ports.directory import KeyDirectory
from radgate_server.core.ports.secrets import Fingerprints
from radgate_server.core.tenancy import Principal
from radgate_server.services.api_keys import split_token
from radgate_server.services.key_uses import KeyUses


class KeyChecker:
    """Compares API keys with the directory's."""

    def __init__(self, keys: KeyDirectory, box: Fingerprints, clock: Clock, uses: KeyUses) -> None:
        self._keys = keys
        self._box = box
        self._clock = clock
        self._uses = uses

    async def check(self, token: str) -> Identified:
        """Return whose it is. Raises UnauthenticatedError."""
        parts = split_token(token)
        key = await self._keys.find_key(parts[0]) if parts else None
        if (
            parts is None
            or key is None
            or not hmac.compare_digest(key.secret_hash, self._box.fingerprint(parts[1]))
            or not key.is_good(self._clock.now())
            or not key.tenant_ids
        ):
            raise UnauthenticatedError(REFUSED)
        self._uses.note(key.key_id)
        principal = Principal(key.key_id, key.tenant_ids, key.role, key.label, key.restriction)
        return Identified(principal, key.expire_time)
