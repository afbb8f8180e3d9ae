"""A certificate authority for tests, and what it signs."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_MAKERS = {
    "URI": x509.UniformResourceIdentifier,
    "DNS": x509.DNSName,
    "email": x509.RFC822Name,
    "IP": lambda text: x509.IPAddress(ipaddress.ip_address(text)),
}


_MAY_SIGN = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


class Pair(NamedTuple):
    """A certificate and its key, in PEM."""

    certificate: bytes
    key: bytes

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Put them into files; where they are."""
        certificate_file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
        certificate_file.write_bytes(self.certificate)
        key_file.write_bytes(self.key)
        return certificate_file, key_file


class Authority:
    """Signs certificates whose names are written as "URI:…", "DNS:…", "email:…" or "IP:…"."""

    def __init__(self, name: str = "tests") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(f"authority of {name}")
        made = _builder(self._name, self._name, self._key.public_key())
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        made = made.add_extension(_MAY_SIGN, critical=True)
        self._certificate = made.sign(self._key, hashes.SHA256())

    @property
    def certificate(self) -> bytes:
        """What vouches for all that it signs."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def sign(self, *names: str) -> Pair:
        """A new key and a certificate for these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = _builder(_name("a test"), self._name, key.public_key())
        signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        made = made.add_extension(signer, critical=False)
        if names:
            parsed = [_MAKERS[kind](text) for kind, _, text in (name.partition(":") for name in names)]
            made = made.add_extension(x509.SubjectAlternativeName(parsed), critical=False)
        certificate = made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        form, no_password = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return Pair(certificate, key.private_bytes(serialization.Encoding.PEM, form, no_password))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )
