"""Which addresses of settings there can be. A typing error is found when they are read, not when something is sent."""

from urllib.parse import urlsplit


def is_host(name: str) -> bool:
    """Whether its parts between dots have 1 to 63 characters, as IDNA writes them (RFC 3490)."""
    try:
        return bool(name.encode("idna").decode("idna"))
    except UnicodeError:
        return False


def is_web_address(url: str) -> bool:
    """Whether it has a host, and no port but one from 1 to 65535."""
    try:
        parts = urlsplit(url)
        return is_host(parts.hostname or "") and parts.port != 0
    except ValueError:  # of a port beyond that, or of brackets that hold no IPv6 address
        return False
