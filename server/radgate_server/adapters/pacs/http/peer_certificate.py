"""Until when the certificate is good that a web PACS shows."""

from collections.abc import Callable
from datetime import datetime

import httpx
from cryptography import x509

type ExpiryListener = Callable[[datetime], None]
"""Receives until when a certificate is good."""


class PeerCertificateObserver:
    """Looks at the certificate behind each answer of `host`, which TLS has verified; reports each that is another."""

    def __init__(self, url: str, report: ExpiryListener) -> None:
        self._host = httpx.URL(url).host
        self._report = report
        self._last = b""

    def look(self, response: httpx.Response) -> None:
        """Look; answers of other hosts, such as a token endpoint, and those without TLS are ignored."""
        stream = response.extensions.get("network_stream")
        tls = stream.get_extra_info("ssl_object") if stream is not None else None
        shown = tls.getpeercert(binary_form=True) if tls is not None else None
        if shown and shown != self._last and response.request.url.host == self._host:
            self._last = shown
            self._report(x509.load_der_x509_certificate(shown).not_valid_after_utc)
