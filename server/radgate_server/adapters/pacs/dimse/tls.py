"""TLS of DIMSE connections (PS3.15 B.12, the BCP 195 profile: TLS 1.2 or newer)."""

import ssl
from pathlib import Path

from radgate_server.config import DimseSettings
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.pacs import DimseTls


def client_tls(tls: DimseTls) -> ssl.SSLContext:
    """Make the context of an SCU. The PACS's certificate is verified against `ca_file`, or the system's roots.

    Raises:
        ConfigurationError: a file can't be read, is not PEM, or is no file but a pipe or device, which may block.
    """
    try:
        _check_regular(tls.ca_file, tls.certificate_file, tls.private_key_file)
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=tls.ca_file or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = tls.verify_host
        _load_certificate(context, tls)
    except (OSError, ValueError):
        raise ConfigurationError("a certificate or key file of the PACS's TLS settings can't be used") from None
    return context


def server_tls(settings: DimseSettings) -> ssl.SSLContext | None:
    """Make the context of the storage SCP, None without a certificate. Peers must show one that the CA vouches for.

    Raises:
        ConfigurationError: a file can't be read or is not PEM, or there is a certificate without a CA, or vice versa.
    """
    if bool(settings.scp_certificate_file) != bool(settings.scp_ca_file):
        raise ConfigurationError("dimse.scp_certificate_file and dimse.scp_ca_file go together")
    if not settings.scp_certificate_file:
        return None
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=settings.scp_ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(settings.scp_certificate_file, settings.scp_private_key_file or None)
    except (OSError, ValueError):
        raise ConfigurationError("a certificate or key file of dimse.scp_* can't be used") from None
    return context


def _load_certificate(context: ssl.SSLContext, tls: DimseTls) -> None:
    if tls.certificate_file:
        context.load_cert_chain(tls.certificate_file, tls.private_key_file or None)


def _check_regular(*paths: str) -> None:
    if not all(Path(path).is_file() for path in paths if path):
        raise OSError("not a regular file")
