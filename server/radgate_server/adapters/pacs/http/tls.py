"""TLS of connections to web servers: 1.2 or newer, the server's certificate and name always verified."""

import ssl
from collections.abc import Iterable

from radgate_server.adapters.pacs.tls_files import check_regular
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.pacs.connections import HttpTls


def web_tls(tls: HttpTls, urls: Iterable[str]) -> ssl.SSLContext:
    """Make a context that trusts the system's authorities and `tls.ca_file`, for connections to `urls`.

    Clients that offer different protocols by ALPN need one each: the offer is written into the context.

    Raises:
        ConfigurationError: a file can't be read, is not PEM, or is no file but a pipe or device, which may block.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if any(url.lower().startswith("https:") for url in urls):
        context.load_default_certs()  # takes tens of milliseconds, which plain HTTP need not pay
    try:
        check_regular(tls.ca_file, tls.certificate_file, tls.private_key_file)
        if tls.ca_file:
            context.load_verify_locations(cafile=tls.ca_file)
        if tls.certificate_file:
            context.load_cert_chain(tls.certificate_file, tls.private_key_file or None)
    except (OSError, ValueError):
        raise ConfigurationError("a certificate or key file of the PACS's TLS settings can't be used") from None
    return context
