"""What a call shows to say who it is: its token, its certificate, its address; and whom to believe about the last two.

The gateway writes down what it saw of a client, in headers that it lets nobody else write. Whoever reaches the gRPC
port past the gateway could write them too; so they count only with the secret that the server and its gateway share,
and from this machine.
"""

import hmac
import re
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from radgate_server.core.access.credentials import Credentials
from radgate_server.core.errors import UnauthenticatedError
from radgate_server.lib.tls.certificate_names import names_in
from radgate_server.rpc.pipeline.call import Call

_CERTIFICATE = "x-forwarded-client-cert"
_GATEWAY_FIELDS = 3  # connection, address, secret
_MAX_ADDRESS = 45  # an IPv6 address with an IPv4 tail
_ONE_CERTIFICATE = re.compile(r'(?:By=[^",;]*;)*Hash=[0-9A-Fa-f]*;Cert="([^"]*)"')


class CallerIdentities:
    """Reads calls' credentials. `gateway_secret` is "" when there is no gateway to believe."""

    def __init__(self, gateway_secret: str) -> None:
        self._secret = gateway_secret.encode()

    def read(self, call: Call) -> Credentials:
        """Return what the call shows. Raises UnauthenticatedError for what is no bearer token."""
        token = _bearer_token(call.header("authorization"))
        address = self._address_forwarded(call)
        if not address:
            return Credentials(token, _names_of_peer(call.peer_certificate), call.peer_address)
        names = _names_forwarded(forwarded) if (forwarded := call.header(_CERTIFICATE)) else ()
        return Credentials(token, names, address)

    def came_by_gateway(self, call: Call) -> bool:
        """Whether what only the gateway writes of a call is to be believed."""
        return bool(self._address_forwarded(call))

    def address_of(self, call: Call) -> str:
        """Where the call comes from."""
        return self._address_forwarded(call) or call.peer_address

    def _address_forwarded(self, call: Call) -> str:
        """What the gateway says of where the call comes from, "" when it is not proven that the gateway says so."""
        fields = call.seen_by_gateway.split(" ", 2)
        if len(fields) < _GATEWAY_FIELDS or not self._secret or not call.is_local:
            return ""
        _, address, proof = fields
        return address[:_MAX_ADDRESS] if hmac.compare_digest(proof.encode(), self._secret) else ""


def _bearer_token(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    if authorization and scheme.lower() != "bearer":
        raise UnauthenticatedError("send the key or token as `Authorization: Bearer <token>`")
    return token.strip()


@lru_cache(maxsize=1000)
def _names_of_peer(certificate: bytes) -> tuple[str, ...]:
    return _names_or_none(certificate) if certificate else ()


@lru_cache(maxsize=1000)
def _names_forwarded(header: str) -> tuple[str, ...]:
    """The names in the certificate that the gateway passes on, whole: names alone could hold what divides them."""
    found = _ONE_CERTIFICATE.fullmatch(header)
    return _names_or_none(unquote_to_bytes(found[1])) if found else ()


def _names_or_none(certificate: bytes) -> tuple[str, ...]:
    try:
        return names_in(certificate)
    except ValueError:
        return ()
