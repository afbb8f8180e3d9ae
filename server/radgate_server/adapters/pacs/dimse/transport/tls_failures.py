"""What a TLS handshake that failed means, in words that say what to do."""

import ssl
from collections.abc import Mapping

_VERIFICATION: Mapping[int, str] = {
    # X509_V_ERR_* of OpenSSL
    9: "the PACS's certificate is not good yet: compare the clocks",
    10: "the PACS's certificate has expired: renew it there",
    18: "no trusted authority vouches for the PACS's certificate, which is its own: add it to the CA file",
    19: "no trusted authority vouches for the PACS's certificate: add its root to the CA file",
    20: "no trusted authority vouches for the PACS's certificate: add its issuer to the CA file",
    21: "no trusted authority vouches for the PACS's certificate: add its issuer to the CA file",
    62: "the PACS's certificate does not name its host: give the name that it has as server_name",
    64: "the PACS's certificate does not name its address: give the name that it has as server_name",
    66: "the PACS's certificate has a key that is too small: it needs 2048 bits of RSA, or an elliptic curve",
}
_REASONS: Mapping[str, str] = {
    # SSLError.reason: what the PACS says of us, or what its first bytes show
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the PACS wants a certificate of Radgate: give one to this PACS",
    "TLSV1_ALERT_UNKNOWN_CA": "the PACS does not trust the authority of Radgate's certificate",
    "SSLV3_ALERT_BAD_CERTIFICATE": "the PACS refuses Radgate's certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "the PACS refuses Radgate's certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the PACS says that Radgate's certificate has expired",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the PACS has no TLS suite of this profile, or wants a certificate of Radgate",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the PACS speaks no TLS of this profile, which begins at 1.2",
    "UNSUPPORTED_PROTOCOL": "the PACS speaks no TLS of this profile, which begins at 1.2",
    "WRONG_VERSION_NUMBER": "what answers at the PACS's port speaks no TLS: perhaps it is the port without",
    "RECORD_LAYER_FAILURE": "what answers at the PACS's port speaks no TLS: perhaps it is the port without",
}
_UNKNOWN = "check the certificates on both sides"


def explain_tls(error: ssl.SSLError) -> str:
    """What is wrong, and what to do; no text of the PACS's."""
    if isinstance(error, ssl.SSLCertVerificationError):
        cause = _VERIFICATION.get(error.verify_code, "the PACS's certificate can't be verified")
    else:
        cause = _REASONS.get(getattr(error, "reason", None) or "", _UNKNOWN)
    return f"the TLS handshake with the PACS failed: {cause}"
