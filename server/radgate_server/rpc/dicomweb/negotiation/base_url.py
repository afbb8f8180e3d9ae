"""The address at which the client reached us, for the absolute URLs that PS3.18 wants in answers."""

import logging
import re
from collections.abc import Callable
from functools import lru_cache

from radgate_server.settings.settings import Settings

_log = logging.getLogger(__name__)

_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_FORWARDED_PAIR = re.compile(r"\s*([A-Za-z]+)=(?:\"([^\"]*)\"|([^\s;,\"]*))\s*")
_PORTS = {"http": 80, "https": 443}
"""By scheme, the port of a URL that names none."""

_SCHEMES = tuple(_PORTS)
_FALLBACK_HOST = "localhost"
_PORT = re.compile(r":[0-9]+$")
_MAX_REPORTED_HOSTS = 16
"""Clients write what they want into Host."""


class BaseUrl:
    """What the absolute URLs in answers begin with.

    `public_url` if the operator says one, else what the client's request says: `scheme://host`. That is of the
    outermost proxy that the gateway trusts, by Forwarded (RFC 7239), else by X-Forwarded-*. What is no host name,
    address or scheme is ignored, so that nothing strange can be planted in answers. The gateway itself gives its
    own address as X-Forwarded-Host; a call without that came from this machine.

    `port` is the one on which clients reach the gateway, 0 for some free one, None when that can't be known. Some
    clients leave it out of Host, and would be sent to another port; the log says so, once for each host.
    """

    def __init__(self, public_url: str = "", *, port: int | None = None) -> None:
        self._public_url = public_url
        self._port = port
        self._reported: set[str] = set()
        self._of_request = lru_cache(maxsize=256)(self._read)  # the check for a missing port is made as seldom

    @classmethod
    def from_settings(cls, settings: Settings) -> "BaseUrl":
        """As the gateway is set up; behind proxies, and where Envoy is run apart, nobody here knows the port."""
        gateway = settings.gateway
        is_reached = gateway.enabled and not gateway.trusted_proxies
        return cls(gateway.public_url, port=settings.http_port if is_reached else None)

    def of(self, header: Callable[[str], str]) -> str:
        """Scheme and host for the call whose headers `header` reads."""
        return self._public_url or self._of_request(
            header("forwarded"), header("x-forwarded-proto"), header("x-forwarded-host")
        )

    def _read(self, forwarded: str, proto: str, host: str) -> str:
        url = _base_url(forwarded, proto, host)
        if host and self._port is not None:
            self._report_missing_port(url, self._port)
        return url

    def _report_missing_port(self, url: str, port: int) -> None:
        scheme, _, host = url.partition("://")
        lacks_port = _PORTS[scheme] != port and not _PORT.search(host)
        if lacks_port and host not in self._reported and len(self._reported) < _MAX_REPORTED_HOSTS:
            self._reported.add(host)
            _log.warning(
                "a client names the host %s without the port on which the gateway listens, so addresses in its answers"
                " (BulkDataURI, Retrieve URL) lack it; set gateway.public_url to the address that clients use",
                host,
                extra={"http_port": port},
            )


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
