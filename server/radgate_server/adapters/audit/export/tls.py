"""Whom to trust, and what to show for ourselves."""

import ssl
from pathlib import Path

from radgate_server.core.errors import NotDeliveredError


def client_context(ca_file: Path | None, certificate_file: Path | None, key_file: Path | None) -> ssl.SSLContext:
    """A context of TLS 1.2 or later that trusts the system's authorities and those of `ca_file`.

    Raises:
        NotDeliveredError: a file can't be read; it may be there at the next attempt.
    """
    try:
        context = ssl.create_default_context()
        if ca_file is not None:
            context.load_verify_locations(cafile=ca_file)
        if certificate_file is not None:
            context.load_cert_chain(certificate_file, key_file)
    except (OSError, ValueError):
        raise NotDeliveredError("its ca_file, certificate_file or key_file can't be used") from None
    return context
