"""Reading a certificate, its key and the authorities for clients, and finding out whether they are fit for use."""

import os
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from radgate_server.core.errors import ConfigurationError
from radgate_server.core.gateway.ports import TlsMaterial
from radgate_server.settings.access import TlsPaths

_MAX_BYTES = 1 << 20


def read_tls(paths: TlsPaths) -> TlsMaterial:
    """Read the files.

    Raises:
        ConfigurationError: one can't be read, or the key is not the certificate's; it names the kind of file.
    """
    chain = _read(paths.certificate_file, "certificate file")
    key = _read(paths.key_file, "key file")
    client_ca = _read(paths.client_ca_file, "client CA file") if paths.client_ca_file else b""
    _check_pair(_certificates(chain, "certificate file")[0], key)
    if paths.client_ca_file:
        _certificates(client_ca, "client CA file")
    return TlsMaterial(chain, key, client_ca)


def ends_at(material: TlsMaterial) -> datetime:
    """When the first certificate of the chain to end does."""
    return min(found.not_valid_after_utc for found in _certificates(material.certificate_chain, "certificate file"))


def _read(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_BYTES)
    except OSError as error:
        raise ConfigurationError(f"TLS: the {what} can't be read: {os.strerror(error.errno or 0)}") from None


def _certificates(text: bytes, what: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(text)
    except ValueError:
        raise ConfigurationError(f"TLS: the {what} holds no certificates in PEM") from None


def _check_pair(certificate: x509.Certificate, key_text: bytes) -> None:
    try:
        key = load_pem_private_key(key_text, password=None)
    except (ValueError, TypeError):
        raise ConfigurationError("TLS: the key file holds no private key in PEM without a password") from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        raise ConfigurationError("TLS: the key in the key file is not that of the first certificate")
