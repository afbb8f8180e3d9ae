"""TLS of a port that the server itself listens on, of what was read from its files."""

import ssl

from radgate_server.adapters.tls.watched import WatchedTls
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.gateway.ports import TlsMaterial
from radgate_server.lib.tls.identity import load_identity

_SUITES = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2, as BCP 195 (RFC 9325 4.2) recommends; all of TLS 1.3 are."""


class ServerContexts:
    """The context of the newest files. With authorities for clients, each client must show a certificate.

    Raises:
        ConfigurationError: OpenSSL does not take them.
    """

    def __init__(self, tls: WatchedTls) -> None:
        self._current = server_context(tls.current)
        tls.on_renewal(self._renew)

    def __call__(self) -> ssl.SSLContext:
        """The one for the next connection."""
        return self._current

    async def _renew(self, material: TlsMaterial) -> None:
        self._current = server_context(material)


def server_context(material: TlsMaterial) -> ssl.SSLContext:
    """Make the context of TLS 1.2 and newer.

    Raises:
        ConfigurationError: OpenSSL does not take the certificates, or the key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_SUITES)
    try:
        if material.client_ca:
            context.load_verify_locations(cadata=material.client_ca.decode("ascii", "ignore"))
            context.verify_mode = ssl.CERT_REQUIRED
        load_identity(context, material.certificate_chain + b"\n" + material.private_key)
    except (OSError, ValueError):
        raise ConfigurationError(
            "TLS: the certificate, the key or the client CA is of a kind that can't be used"
        ) from None
    return context
