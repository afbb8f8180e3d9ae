"""The viewer's server: a thread of its own, on a free port of the loopback address, behind Envoy."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from radgate_server.demo.viewer.site import Site


@contextmanager
def serve_viewer(dist: Path, key: str, *, htj2k: bool = False) -> Iterator[str]:
    """Serve OHIF's build in the folder `dist` and give the address, "127.0.0.1:port"; leaving the context stops it.

    `key` is the API key that viewers use without typing it; it should view one tenant and do nothing else.
    With `htj2k` they ask for images as HTJ2K and show them while they come, else for what is stored.
    """
    site = Site(dist, key, htj2k=htj2k)

    class Handler(_Handler):
        def __init__(self, *arguments: object) -> None:
            self.site = site
            super().__init__(*arguments)  # type: ignore[arg-type]

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, name="viewer", daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds that a connection may be silent
    site: Site

    def do_GET(self) -> None:
        """Send the answer."""
        self._send(with_body=True)

    def do_HEAD(self) -> None:
        """Send the answer's headers."""
        self._send(with_body=False)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing: the query string holds Study Instance UIDs, and Envoy has its own access log."""

    def _send(self, *, with_body: bool) -> None:
        answer = self.site.answer(self.headers.get("Host", ""), self.path)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if with_body:
            self.wfile.write(answer.body)
