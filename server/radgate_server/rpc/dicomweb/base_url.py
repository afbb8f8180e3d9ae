"""The address at which the client reached us, for the absolute URLs that PS3.18 wants in answers."""

import re
from collections.abc import Callable
from functools import lru_cache

_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_FORWARDED_PAIR = re.compile(r"\s*([A-Za-z]+)=(?:\"([^\"]*)\"|([^\s;,\"]*))\s*")
_SCHEMES = ("http", "https")
_FALLBACK_HOST = "localhost"


def base_url(header: Callable[[str], str], public_url: str = "") -> str:
    """`public_url` if the operator says one, else what the client's request says: `scheme://host`.

    That is of the outermost proxy that the gateway trusts, by Forwarded (RFC 7239), else by X-Forwarded-*.
    What is no host name, address or scheme is passed over, so that nothing strange can be planted in answers. The
    gateway itself tells its own address as X-Forwarded-Host; a call without that came from this machine.
    """
    return public_url or _base_url(header("forwarded"), header("x-forwarded-proto"), header("x-forwarded-host"))


@lru_cache(maxsize=256)
def _base_url(forwarded: str, proto: str, host: str) -> str:
    pairs = _first_forwarded(forwarded)
    schemes = (pairs.get("proto", ""), _first(proto))
    hosts = (pairs.get("host", ""), _first(host))
    scheme = next((scheme.lower() for scheme in schemes if scheme.lower() in _SCHEMES), _SCHEMES[0])
    return f"{scheme}://{next((host for host in hosts if _HOST.fullmatch(host)), _FALLBACK_HOST)}"


def _first(listed: str) -> str:
    return listed.partition(",")[0].strip()


def _first_forwarded(forwarded: str) -> dict[str, str]:
    pairs = (_FORWARDED_PAIR.fullmatch(pair) for pair in _first(forwarded).split(";"))
    return {pair[1].lower(): pair[2] or pair[3] or "" for pair in pairs if pair}
