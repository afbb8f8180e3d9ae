"""A proxy before a DICOMweb server that adds entity tags to metadata (RFC 9110 8.8.3), as dcm4chee-arc does itself."""

import threading
import urllib.error
import urllib.request
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

_PASSED_ON = ("accept", "content-type")


class TaggingProxy:
    """Start with `with TaggingProxy(url) as proxy:`; `url` is where the server's DICOMweb services are."""

    def __init__(self, url: str) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(url))
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        """Where the same services are, with tags."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        """Begin to serve."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(upstream: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content_type, body = self._fetch()
            headers = {"content-type": content_type}
            if self.path.endswith("/metadata") and status == 200:
                headers["etag"] = f'"{sha256(body).hexdigest()}"'
                if self.headers.get("if-none-match") == headers["etag"]:
                    status, body = 304, b""
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def _fetch(self) -> tuple[int, str, bytes]:
            headers = {name: self.headers[name] for name in _PASSED_ON if name in self.headers}
            try:
                with urllib.request.urlopen(urllib.request.Request(upstream + self.path, headers=headers)) as answer:
                    return answer.status, answer.headers.get("content-type", ""), answer.read()
            except urllib.error.HTTPError as error:
                return error.code, error.headers.get("content-type", ""), error.read()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
