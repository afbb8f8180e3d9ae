"""Who calls, and for which tenant."""

import hmac

from radgate_server.core.errors import TenantNotAllowedError, UnauthenticatedError
from radgate_server.core.ports.clock import Clock
from radgate_server.core.ports.directory import KeyDirectory, TenantDirectory
from radgate_server.core.ports.secrets import Fingerprints
from radgate_server.core.tenancy import ANY_TENANT, Principal
from radgate_server.services.api_keys import split_token
from radgate_server.services.expiring import ExpiringMap

_MAX_KNOWN_TOKENS = 10_000
_KNOWN_FOR_S = 60.0


class Authenticator:
    """Checks API keys. Good ones are remembered until a key or a tenant changes, and for a minute at most."""

    def __init__(self, keys: KeyDirectory, tenants: TenantDirectory, box: Fingerprints, clock: Clock) -> None:
        self._keys = keys
        self._tenants = tenants
        self._box = box
        self._known: ExpiringMap[str, Principal] = ExpiringMap(
            ttl_s=_KNOWN_FOR_S, max_weight=_MAX_KNOWN_TOKENS, clock=clock
        )
        self._tenant_ids: frozenset[str] = frozenset()
        self._forgotten = 0

    async def authenticate(self, token: str, tenant_id: str) -> tuple[Principal, str]:
        """Return the caller and the tenant to act for. "" stands for no token, and for no choice of a tenant.

        A key for every tenant that chooses none acts for "": it may do only what concerns no tenant.

        Raises:
            UnauthenticatedError: there is no token, or it is not good.
            TenantNotAllowedError: the key may not use the tenant, or there is none of that name.
        """
        principal = self._known.get(token) or await self._check(token)
        if not tenant_id:
            default = principal.tenant_ids[0]
            return principal, "" if default == ANY_TENANT else default
        if not principal.may_use(tenant_id) or not await self._exists(tenant_id):
            raise TenantNotAllowedError("this API key may not use the tenant asked for")
        return principal, tenant_id

    def forget(self) -> None:
        """Check every key anew from now on."""
        self._forgotten += 1  # what is being read just now may be older than the change
        self._known.drop_where(lambda _: True)
        self._tenant_ids = frozenset()

    async def _check(self, token: str) -> Principal:
        if not token:
            raise UnauthenticatedError("an API key is needed: send it as 'Authorization: Bearer <key>'")
        parts, forgotten = split_token(token), self._forgotten
        key = await self._keys.find_key(parts[0]) if parts else None
        if (
            parts is None
            or key is None
            or key.revoke_time is not None
            or not key.tenant_ids
            or not hmac.compare_digest(key.secret_hash, self._box.fingerprint(parts[1]))
        ):
            raise UnauthenticatedError("this API key is not known or has been revoked")
        principal = Principal(key.key_id, key.tenant_ids, key.role)
        if forgotten == self._forgotten:
            self._known.put(token, principal)
        return principal

    async def _exists(self, tenant_id: str) -> bool:
        if tenant_id not in self._tenant_ids:
            forgotten = self._forgotten
            tenant_ids = frozenset(tenant.tenant_id for tenant in await self._tenants.list_tenants())
            if forgotten != self._forgotten:
                return tenant_id in tenant_ids
            self._tenant_ids = tenant_ids
        return tenant_id in self._tenant_ids
