"""Reads until when the certificates of a PEM file are good."""

from datetime import datetime
from pathlib import Path

from cryptography import x509

from radgate_server.core.telemetry.certificates import CertificateUse

MAX_BYTES = 16 << 20


def read_expiry(certificate: CertificateUse) -> datetime | None:
    """Return the end of validity (UTC); None when the file can't be read, is too large, or holds no certificate.

    A chain is as good as its member that ends first; of several authorities the last one counts, since a file that
    holds the old and the new one is how one changes them. Blocks: call it from a thread.
    """
    path = Path(certificate.file)
    try:
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            return None
        ends = [each.not_valid_after_utc for each in x509.load_pem_x509_certificates(path.read_bytes())]
    except (OSError, ValueError):
        return None
    return max(ends) if certificate.use.of_authorities else min(ends)
