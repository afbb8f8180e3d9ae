"""Giving OpenSSL a certificate and its key that are in no file."""

import os
import ssl


def load_identity(context: ssl.SSLContext, pem: bytes) -> None:
    """Load the certificate with its chain and key.

    OpenSSL's loader wants a file: they lie in memory that no path leads to, and only while they are read.

    Raises:
        OSError, ValueError: OpenSSL does not take them, or the key is under a password.
    """
    descriptor = os.memfd_create("identity", os.MFD_CLOEXEC)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(pem)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", None, no_password)
    finally:
        os.close(descriptor)


def no_password() -> str:
    """What to give for a key under a password, which OpenSSL would else ask for at the terminal."""
    return ""
