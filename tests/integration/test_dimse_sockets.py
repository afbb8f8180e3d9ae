"""Reading from an association's socket without waiting."""

import queue
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from radgate_server.adapters.pacs.dimse.transport.sockets import QuickSocket


@pytest.fixture
def ends() -> Iterator[tuple[QuickSocket, socket.socket]]:
    """Our end of a connection, and the peer's."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        peer = socket.create_connection(listening.getsockname())
        accepted, _ = listening.accept()
    association = SimpleNamespace(dul=SimpleNamespace(event_queue=queue.Queue()))
    ours = QuickSocket(cast("Any", association), client_socket=accepted)
    with peer, accepted:
        yield ours, peer
    ours.close_wake()


def test_what_has_not_come_is_not_waited_for(ends: tuple[QuickSocket, socket.socket]) -> None:
    ours, _ = ends
    assert ours.recv_now(6) == b""


def test_what_has_come_in_part_is_waited_for(ends: tuple[QuickSocket, socket.socket]) -> None:
    ours, peer = ends
    peer.sendall(b"head")
    assert ours.recv(1) == b"h"  # the rest has come too
    peer.shutdown(socket.SHUT_WR)
    assert ours.recv_now(6) == b"ead"
    assert ours.recv_now(6) == b""


def test_what_has_come_is_read_once(ends: tuple[QuickSocket, socket.socket]) -> None:
    ours, peer = ends
    peer.sendall(b"header" + b"body")
    assert ours.recv(1) == b"h"
    assert ours.recv_now(5) == b"eader"
    assert ours.recv(4) == b"body"
