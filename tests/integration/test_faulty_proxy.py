"""The proxy itself: a fault that isn't one would prove nothing."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.integration.faulty_proxy import Fault, FaultyProxy


@pytest.fixture
def echo_port() -> Iterator[int]:
    """A server that sends back what it gets."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve(connection: socket.socket) -> None:
            with connection:
                try:
                    while data := connection.recv(65536):
                        connection.sendall(data)
                except OSError:
                    return

        def accept() -> None:
            try:
                while True:
                    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
            except OSError:
                return

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy(echo_port: int) -> Iterator[FaultyProxy]:
    with FaultyProxy(echo_port) as proxy:
        yield proxy


def connect(proxy: FaultyProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=60)


def check_silent(client: socket.socket) -> None:
    client.settimeout(0.3)
    with pytest.raises(TimeoutError):
        client.recv(10)


def test_it_forwards(proxy: FaultyProxy) -> None:
    with connect(proxy) as client:
        client.sendall(b"ping")
        assert client.recv(10) == b"ping"
        assert proxy.open_connections == 1


@pytest.mark.parametrize("fault", [Fault.BLACK_HOLE, Fault.HALF_OPEN])
def test_it_falls_silent(proxy: FaultyProxy, fault: Fault) -> None:
    with connect(proxy) as client:
        proxy.fault = fault
        client.sendall(b"ping")
        check_silent(client)


def test_it_resets_in_the_middle(proxy: FaultyProxy) -> None:
    proxy.fault, proxy.fails_after_bytes = Fault.RESET, 2
    with connect(proxy) as client:
        client.sendall(b"ping")
        with suppress(ConnectionResetError):  # or only when the next byte is asked for
            assert client.recv(2) == b"pi"
        with pytest.raises(ConnectionResetError):
            client.recv(10)


def test_it_falls_silent_in_the_middle(proxy: FaultyProxy) -> None:
    proxy.fault, proxy.fails_after_bytes = Fault.HALF_OPEN, 2
    with connect(proxy) as client:
        client.sendall(b"ping")
        assert client.recv(10) == b"pi"
        check_silent(client)


def test_it_talks_nonsense(proxy: FaultyProxy) -> None:
    proxy.fault = Fault.GARBAGE
    with connect(proxy) as client:
        client.sendall(b"ping")
        assert client.recv(4) != b"ping"


def test_it_trickles(proxy: FaultyProxy) -> None:
    proxy.fault, proxy.trickle_bytes_per_s = Fault.TRICKLE, 100
    with connect(proxy) as client:
        client.sendall(bytes(300))
        received = client.recv(300)
        assert 0 < len(received) < 300


def test_it_refuses_and_accepts_again(proxy: FaultyProxy) -> None:
    with connect(proxy) as client:
        client.sendall(b"ping")
        assert client.recv(10) == b"ping"
        proxy.refuse()
        with pytest.raises(ConnectionResetError):
            client.recv(10)
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
    proxy.accept()
    with connect(proxy) as client:
        client.sendall(b"ping")
        assert client.recv(10) == b"ping"
