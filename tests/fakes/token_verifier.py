"""An identity provider whose word is taken: no signatures, no network."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from radgate_server.core.access.credentials import REFUSED, VerifiedToken
from radgate_server.core.errors import UnauthenticatedError
from tests.fakes.clock import START

PROVIDER = "hospital"


class ScriptedTokens:
    """TokenVerifier that knows the tokens that `issue` gave out, for an hour of the fake clock."""

    def __init__(self) -> None:
        self._known: dict[str, VerifiedToken] = {}
        self.asked = 0

    def issue(self, **claims: Any) -> str:
        """A good token with these claims."""
        token = f"header.claims{len(self._known)}.signature"
        known: Mapping[str, Any] = {"sub": "jane", **claims}
        self._known[token] = VerifiedToken(PROVIDER, known, START + timedelta(hours=1))
        return token

    async def verify(self, token: str) -> VerifiedToken:
        self.asked += 1
        if token not in self._known:
            raise UnauthenticatedError(REFUSED, why="token: it is not one of the test's")
        return self._known[token]

    async def problem(self) -> str:
        return ""
