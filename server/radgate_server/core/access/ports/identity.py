"""Who else says who somebody is."""

from typing import Protocol

from radgate_server.core.access.credentials import VerifiedToken


class TokenVerifier(Protocol):
    """Checks the tokens (RFC 7519, RFC 9068) of the identity providers that are configured."""

    async def verify(self, token: str) -> VerifiedToken:
        """Return the claims of a good token.

        Raises:
            UnauthenticatedError: it is not good, or not from any of them.
            IdentityProviderUnreachableError: the keys to check it with are unavailable.
        """
        ...

    async def problem(self) -> str:
        """Which of them can't be asked for keys now, "" for none."""
        ...
