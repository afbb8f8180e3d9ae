"""What the secure transport connection profiles of PS3.15 annex B allow, as an ssl.SSLContext knows it.

TLS 1.3 is always offered and preferred, with the suites that OpenSSL has on by default: AES-GCM and ChaCha20-Poly1305,
all of which RFC 9325 recommends. Its security level 2, Python's default, refuses RSA keys of less than 2048 bits.
"""

import ssl
from collections.abc import Mapping

from radgate_server.core.pacs.connections import TlsProfile

_ECDHE_GCM = (
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
)
_DHE_GCM = ("DHE-RSA-AES256-GCM-SHA384", "DHE-RSA-AES128-GCM-SHA256")

SUITES: Mapping[TlsProfile, tuple[str, ...]] = {
    # suites of TLS 1.2 by OpenSSL's names, the first to be preferred
    TlsProfile.BCP195: _ECDHE_GCM,  # B.12; RFC 9325 section 4.2
    TlsProfile.MODIFIED: (  # B.13, but for what OpenSSL doesn't have (Camellia-GCM) or refuses at its level (CCM_8)
        *_ECDHE_GCM,
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
        "ECDHE-ECDSA-AES256-CCM",
        "ECDHE-ECDSA-AES128-CCM",
    ),
    TlsProfile.NON_DOWNGRADING: (*_ECDHE_GCM, *_DHE_GCM),  # B.10 and B.11, retired; RFC 7525 section 4.2
}


def use_profile(context: ssl.SSLContext, profile: TlsProfile) -> None:
    """Let the context speak what the profile allows and nothing else; without compression and renegotiation."""
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(":".join(SUITES[profile]))
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    # A site may trust a certificate by itself, also one that no root vouches for. Strict checks, on by default in some
    # versions of Python, refuse the certificates that many PACS were delivered with.
    context.verify_flags = (context.verify_flags | ssl.VERIFY_X509_PARTIAL_CHAIN) & ~ssl.VERIFY_X509_STRICT
