"""TLS of DIMSE connections (PS3.15 B.12, the BCP 195 profile: TLS 1.2 or newer)."""

import ssl

from radgate_server.core.errors import ConfigurationError
from radgate_server.core.pacs import DimseTls


def client_tls(tls: DimseTls) -> ssl.SSLContext:
    """Make the context of an SCU. The PACS's certificate is verified against `ca_file`, or the system's roots.

    Raises:
        ConfigurationError: a file can't be read or is not PEM.
    """
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=tls.ca_file or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = tls.verify_host
        _load_certificate(context, tls)
    except (OSError, ValueError):
        raise ConfigurationError("a certificate or key file of the PACS's TLS settings can't be used") from None
    return context


def server_tls(tls: DimseTls) -> ssl.SSLContext:
    """Make the context of an SCP: peers must show a certificate that `ca_file` vouches for.

    Raises:
        ConfigurationError: a file can't be read or is not PEM, or there is no certificate.
    """
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=tls.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(tls.certificate_file, tls.private_key_file or None)
    except (OSError, ValueError):
        raise ConfigurationError("a certificate or key file of the storage SCP's TLS can't be used") from None
    return context


def _load_certificate(context: ssl.SSLContext, tls: DimseTls) -> None:
    if tls.certificate_file:
        context.load_cert_chain(tls.certificate_file, tls.private_key_file or None)
