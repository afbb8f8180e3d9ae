"""Signs URLs at the edge, and opens the grants in those that the edge asks with."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from radgate_server.core.access.tenancy import Caller, Principal, Role
from radgate_server.core.edge.grant import Grant, SignedUrl, split_grant, with_grant
from radgate_server.core.edge.ports import GrantCipher, UrlSigner
from radgate_server.core.errors import UnauthenticatedError
from radgate_server.lib.clock import Clock

_BOUND = b"radgate edge grant 1"
_REFUSED = "the edge may not have this"
_GRACE_S = 60.0
"""A request that the edge admitted in a URL's last moment may be that much later here, and so may clocks differ."""


class EdgeUrls:
    """`secrets` are what an edge shows; each request needs one of them and a grant."""

    def __init__(
        self,
        url: str,
        signer: UrlSigner,
        cipher: GrantCipher,
        clock: Clock,
        *,
        tenants: Collection[str],
        secrets: Collection[str],
        ttl_s: float,
        max_age_s: float,
    ) -> None:
        self._url = url
        self._signer = signer
        self._cipher = cipher
        self._clock = clock
        self._tenants = frozenset(tenants)
        self._secrets = tuple(secret.encode() for secret in secrets if secret)
        self._ttl_s = ttl_s
        self.max_age_s = max_age_s

    def allows(self, tenant_id: str) -> bool:
        """Whether the tenant's clients may be redirected."""
        return tenant_id in self._tenants

    def sign(self, caller: Caller, resource: str) -> SignedUrl:
        """A URL by which its holder gets the resource (core/edge/grant.py) until it ends."""
        expire_s = int(self._clock.now().timestamp() + self._ttl_s)
        who = caller.principal
        grant = Grant(caller.tenant_id, who.key_id, who.name, caller.address, resource, expire_s)
        token = urlsafe_b64encode(self._cipher.seal(grant.encode(), _BOUND)).decode().rstrip("=")
        expire_time = datetime.fromtimestamp(expire_s, UTC)
        return SignedUrl(self._signer.sign(self._url + with_grant(resource, token), expire_time), expire_time)

    def open(self, path: str, secret: str) -> Grant:
        """The grant of a request by the edge; `path` is the URL's path and query, `secret` what the edge shows.

        Raises:
            UnauthenticatedError: it is no edge of ours, or its URL is altered, ended, or of another tenant than
                the settings allow.
        """
        if not any(hmac.compare_digest(secret.encode(), known) for known in self._secrets):
            raise UnauthenticatedError(_REFUSED, why="it does not show the edge's secret")
        resource, token = split_grant(path)
        try:
            grant = open_grant(self._cipher, token)
        except (TypeError, ValueError):
            raise UnauthenticatedError(_REFUSED, why="its URL has no grant of this installation") from None
        if grant.resource != resource:
            raise UnauthenticatedError(_REFUSED, why="its grant is for another resource")
        if self._clock.now() > datetime.fromtimestamp(grant.expire_s, UTC) + timedelta(seconds=_GRACE_S):
            raise UnauthenticatedError(_REFUSED, why="its grant has ended")
        if not self.allows(grant.tenant_id):
            raise UnauthenticatedError(_REFUSED, why="its tenant is none of the edge's any more")
        return grant


def open_grant(cipher: GrantCipher, token: str) -> Grant:
    """The grant in a URL, whether it has ended or not. Raises ValueError or TypeError when it is not ours."""
    sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    return Grant.decode(cipher.open(sealed, _BOUND))


def caller_of(grant: Grant, user_agent: str, request_id: str) -> Caller:
    """Whom the edge asks for: the caller for whom the URL was signed, for this one resource."""
    principal = Principal(grant.key_id, (grant.tenant_id,), Role.VIEWER, grant.name)
    return Caller(principal, grant.tenant_id, grant.address, user_agent, request_id)
