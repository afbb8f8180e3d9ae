"""What a credential is worth here, or why nothing, for whoever runs the installation; callers see none of it."""

from collections.abc import Iterator
from dataclasses import dataclass

from radgate_server.core.access.credentials import Identified
from radgate_server.core.access.ports.directory import TenantDirectory
from radgate_server.core.access.ports.identity import TokenVerifier
from radgate_server.core.errors import GatewayError
from radgate_server.services.access.api_keys import looks_like_key
from radgate_server.services.access.claims import identify, rules_matched
from radgate_server.services.access.key_checker import KeyChecker
from radgate_server.settings.access import AuthSettings


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether a credential is accepted, and lines of (what, how) in the order in which they are worth reading."""

    accepted: bool
    lines: tuple[tuple[str, str], ...]


class AuthExplainer:
    """Checks as the server does, without counting failures."""

    def __init__(
        self, keys: KeyChecker, tokens: TokenVerifier, tenants: TenantDirectory, settings: AuthSettings
    ) -> None:
        self._keys = keys
        self._tokens = tokens
        self._tenants = tenants
        self._providers = {provider.name: provider for provider in settings.oidc}

    async def explain(self, token: str) -> Explanation:
        """Say whose the key or token is, or why it is refused.

        Raises:
            DatabaseUnavailableError: keys and tenants can't be read.
            IdentityProviderUnreachableError: a token can't be checked.
        """
        kind = "API key" if looks_like_key(token) else "token of an identity provider"
        rules: tuple[str, ...] = ()
        try:
            if looks_like_key(token):
                found = await self._keys.check(token)
            else:
                verified = await self._tokens.verify(token)
                settings = self._providers[verified.provider]
                rules = (f"identity provider {settings.name}", *rules_matched(verified, settings))
                found = identify(verified, settings)
        except GatewayError as error:
            if not (why := getattr(error, "why", "")):
                raise
            reported = (("credential", kind), ("refused", why), *(("rule", rule) for rule in rules))
            return Explanation(accepted=False, lines=reported)
        there = {tenant.tenant_id for tenant in await self._tenants.list_tenants()}
        unknown = [name for name in found.principal.tenant_ids if name not in there and name != "*"]
        useless = len(unknown) == len(found.principal.tenant_ids)
        lines = (("credential", kind), *_lines(found, unknown), *(("rule", rule) for rule in rules))
        refused = (("refused", "none of its tenants is there"),) if useless else ()
        return Explanation(accepted=not useless, lines=(*lines, *refused))


def _lines(found: Identified, unknown: list[str]) -> Iterator[tuple[str, str]]:
    principal = found.principal
    yield "principal", f"{principal.name} ({principal.key_id})" if principal.name else principal.key_id
    yield "role", principal.role.name.lower()
    yield "tenants", ", ".join(f"{name} (not there)" if name in unknown else name for name in principal.tenant_ids)
    yield "studies", "some alone" if principal.restriction else "all"
    yield "expires", found.expire_time.isoformat(timespec="seconds") if found.expire_time else "never"
