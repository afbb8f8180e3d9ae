"""Where the traces of a measured server go: taken and thrown away unread, as if the collector were another machine."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc

from tests.integration.otlp_collector import EXPORT


@contextmanager
def trace_sink() -> Iterator[str]:
    """One that listens on a free port of the loopback address; its URL, for OTLP over gRPC."""
    server = grpc.server(ThreadPoolExecutor(1))
    handlers = {"Export": grpc.unary_unary_rpc_method_handler(_take)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(EXPORT, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def _take(_spans: bytes, _context: Any) -> bytes:
    return b""  # an empty ExportTraceServiceResponse: all were accepted
