"""Who calls, and for which tenant."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace

from radgate_server.core.access.credentials import REFUSED, Credentials, Identified
from radgate_server.core.access.ports.directory import TenantDirectory
from radgate_server.core.access.ports.identity import TokenVerifier
from radgate_server.core.access.tenancy import ANY_TENANT, Principal, Role
from radgate_server.core.errors import TenantNotAllowedError, TooManyFailuresError, UnauthenticatedError
from radgate_server.lib.answer_cache import AnswerCache
from radgate_server.lib.clock import Clock
from radgate_server.services.access.api_keys import looks_like_key, split_token
from radgate_server.services.access.claims import identify
from radgate_server.services.access.damping import FailureDamper, site_of
from radgate_server.services.access.key_checker import KeyChecker
from radgate_server.settings.access import AuthSettings

_MAX_KNOWN = 10_000
_KNOWN_FOR_S = 60.0


class Authenticator:
    """Checks API keys, tokens of identity providers, and client certificates; a token goes before a certificate.

    Good ones are remembered until they end, until a key or a tenant changes, and for a minute at most.
    """

    def __init__(
        self,
        keys: KeyChecker,
        tokens: TokenVerifier,
        tenants: TenantDirectory,
        settings: AuthSettings,
        clock: Clock,
    ) -> None:
        self._keys = keys
        self._tokens = tokens
        self._tenants = tenants
        self._clock = clock
        self._providers = {provider.name: provider for provider in settings.oidc}
        self._certificates = _principals(settings)
        self._damper = FailureDamper(clock, max_failures=settings.max_failures, max_wait_s=settings.max_wait_s)
        self._known: AnswerCache[str | tuple[str, ...], Principal] = AnswerCache(
            _MAX_KNOWN, ttl_s=_KNOWN_FOR_S, clock=clock
        )
        self._tenant_ids: AnswerCache[None, frozenset[str]] = AnswerCache(1)

    async def authenticate(self, credentials: Credentials, tenant_id: str) -> tuple[Principal, str]:
        """Return the caller and the tenant to act for. "" stands for no choice of a tenant.

        A credential for every tenant that chooses none acts for "": it may do only what concerns no tenant.

        Raises:
            UnauthenticatedError: there is no credential, or it is not good.
            TooManyFailuresError: it is not good, and neither were too many others from the same address.
            TenantNotAllowedError: the credential may not use the tenant, or there is none of that name.
            RoleNotAllowedError: the identity provider gives the user no role.
            IdentityProviderUnreachableError: a token can't be checked.
        """
        principal = self._known.get(credentials.token or credentials.certificate_names)
        principal = principal or await self._check(credentials)
        if not tenant_id:
            default = principal.tenant_ids[0]
            return principal, "" if default == ANY_TENANT else default
        if not principal.may_use(tenant_id) or not await self._exists(tenant_id):
            raise TenantNotAllowedError("this credential may not use the tenant asked for")
        return principal, tenant_id

    def share_failures(self, servers: int) -> None:
        """So many servers are asked from now on: whoever guesses may guess at each."""
        self._damper.share(servers)

    async def problem(self) -> str:
        """Why tokens can't be checked, or soon can't be, "" when they can."""
        return await self._tokens.problem()

    def invalidate(self) -> None:
        """Check every credential again from now on."""
        self._known.invalidate(lambda _: True)
        self._keys.invalidate()
        self._tenant_ids.invalidate(lambda _: True)

    async def _check(self, credentials: Credentials) -> Principal:
        with self._known.loading() as load:
            found = await self._identify(credentials)
            shown = credentials.token or credentials.certificate_names
            load.put(shown, found.principal, at_most_s=self._left_s(found))
        return found.principal

    async def _identify(self, credentials: Credentials) -> Identified:
        token = credentials.token
        if looks_like_key(token):
            return await self._identify_key(credentials)
        if token:
            return await self._only_tenants_there_are(await self._identify_token(credentials))
        if names := credentials.certificate_names:
            found = next((self._certificates[name] for name in names if name in self._certificates), None)
            if found is None:
                raise UnauthenticatedError(REFUSED, why="no name in the client's certificate is in the settings")
            return await self._only_tenants_there_are(Identified(found))
        raise UnauthenticatedError("a credential is needed: send a key or a token as 'Authorization: Bearer <token>'")

    async def _identify_key(self, credentials: Credentials) -> Identified:
        """Check it always: behind one address may be many callers, and one who guesses.

        While the address, or the key at this address, has to wait, a wrong one costs the database nothing.
        """
        subjects = _subjects(credentials)
        wait_s = self._damper.wait_s(*subjects)
        try:
            return await self._keys.check(credentials.token, from_memory=wait_s > 0)
        except UnauthenticatedError as error:
            if wait_s:
                raise _too_many(wait_s, error.why) from None
            self._damper.failed(*subjects)
            raise

    async def _identify_token(self, credentials: Credentials) -> Identified:
        """Check what can't be guessed, since it is signed: always; only who fails has to wait for the next answer."""
        site = site_of(credentials.address)
        wait_s = self._damper.wait_s(site)
        try:
            verified = await self._tokens.verify(credentials.token)
            return identify(verified, self._providers[verified.provider])
        except UnauthenticatedError as error:
            if wait_s:
                raise _too_many(wait_s, error.why) from None
            self._damper.failed(site)
            raise

    async def _only_tenants_there_are(self, found: Identified) -> Identified:
        """Leave out what others call tenants and this installation does not know."""
        principal = found.principal
        if principal.may_use_every_tenant:
            return found
        there = [tenant_id for tenant_id in principal.tenant_ids if await self._exists(tenant_id)]
        if not there:
            raise UnauthenticatedError(REFUSED, why="none of its tenants is there")
        return Identified(replace(principal, tenant_ids=tuple(there)), found.expire_time)

    def _left_s(self, found: Identified) -> float:
        if found.expire_time is None:
            return _KNOWN_FOR_S
        return (found.expire_time - self._clock.now()).total_seconds()

    async def _exists(self, tenant_id: str) -> bool:
        tenant_ids = self._tenant_ids.get(None) or frozenset()
        if tenant_id not in tenant_ids:
            with self._tenant_ids.loading() as load:
                tenant_ids = frozenset(tenant.tenant_id for tenant in await self._tenants.list_tenants())
                load.put(None, tenant_ids)
        return tenant_id in tenant_ids


def _principals(settings: AuthSettings) -> Mapping[str, Principal]:
    return {
        found.name: Principal(
            f"certificate:{found.name}", found.tenants, Role[found.role.upper()], restriction=found.restriction
        )
        for found in settings.certificates
    }


def _subjects(credentials: Credentials) -> Sequence[Hashable]:
    """Who has to wait: the address, and the key at this address, so that nobody elsewhere can lock a key out."""
    site = site_of(credentials.address)
    parts = split_token(credentials.token)
    return (site, (site, parts[0])) if parts else (site,)


def _too_many(wait_s: float, why: str) -> TooManyFailuresError:
    message = "too many wrong credentials came from this address"
    return TooManyFailuresError(message, retry_after_s=wait_s, why=why)
