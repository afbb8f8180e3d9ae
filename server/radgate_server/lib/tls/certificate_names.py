"""Whom a certificate is about: its subject alternative names (RFC 5280 4.2.1.6)."""

from cryptography import x509

_KINDS = (
    (x509.UniformResourceIdentifier, "URI"),
    (x509.DNSName, "DNS"),
    (x509.RFC822Name, "email"),
)


def names_in(certificate: bytes) -> tuple[str, ...]:
    """The names in a certificate (PEM), such as "URI:spiffe://example/viewer", URIs first; none when it has none.

    Whoever calls this has verified the certificate.

    Raises:
        ValueError: it can't be read.
    """
    parsed = x509.load_pem_x509_certificate(certificate)
    try:
        names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(f"{kind}:{name}" for general, kind in _KINDS for name in names.get_values_for_type(general))
