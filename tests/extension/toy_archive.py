"""What toy_pacs connects to: an archive that wants a secret, answers LIST and GET, and closes."""

import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self, override

from pydicom.dataset import Dataset

from tests.fakes.instances import encode


class ToyArchive(socketserver.ThreadingTCPServer):
    """Serves `instances` at `port` of 127.0.0.1, over TLS with `tls`, to whoever knows `secret`."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, instances: Sequence[Dataset], secret: str, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.secret = secret
        self.tls = tls
        self.port = int(self.server_address[1])
        self.files = {str(instance.SOPInstanceUID): encode(instance) for instance in instances}
        self.rows = json.dumps([_row(instance) for instance in instances]).encode()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})

    @override
    def get_request(self) -> tuple[socket.socket, object]:
        request, address = super().get_request()
        request.settimeout(10)
        if self.tls:  # the handshake is the handler's, with its first byte
            request = self.tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
        return request, address

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(socketserver.StreamRequestHandler):
    server: ToyArchive

    @override
    def handle(self) -> None:
        try:
            line = self.rfile.readline(4096)
        except OSError:  # a handshake that the client broke off
            return
        words = line.decode(errors="replace").split()
        if len(words) != 3 or words[1] not in ("LIST", "GET"):
            return
        secret, command, uid = words
        if secret != self.server.secret:
            self.wfile.write(b"REFUSED\n")
            return
        answer = self.server.rows if command == "LIST" else self.server.files[uid]
        self.wfile.write(b"OK %d\n%b" % (len(answer), answer))


def _row(instance: Dataset) -> dict[str, object]:
    row: dict[str, object] = instance.to_json_dict(bulk_data_threshold=1 << 30, suppress_invalid_tags=True)
    row.pop("7FE00010", None)
    return row
