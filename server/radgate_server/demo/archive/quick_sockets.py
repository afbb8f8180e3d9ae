"""Event handlers that keep TCP from waiting, and sockets from staying.

With Nagle's algorithm and delayed acknowledgements, both of which pynetdicom leaves on, each message takes 40 ms.
"""

import socket
from collections.abc import Callable
from typing import Any

from pynetdicom import evt

type Binding = tuple[evt.NotificationEvent | evt.InterventionEvent, Callable[..., Any]]
"""An event and its handler, as pynetdicom takes them."""

_QUICKACK = getattr(socket, "TCP_QUICKACK", None)  # Linux only


def _on_connection(event: evt.Event) -> None:
    """Send small messages at once."""
    connection = event.assoc.dul.socket
    if connection is not None and connection.socket is not None:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        event.assoc.bind(evt.EVT_CONN_CLOSE, _on_closed, [connection.socket])


def _on_received(event: evt.Event) -> None:
    """Acknowledge at once; the system forgets this option after a while."""
    connection = event.assoc.dul.socket
    if _QUICKACK is not None and connection is not None and connection.socket is not None:
        connection.socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)


def _on_closed(_event: evt.Event, connected: socket.socket) -> None:
    """Give the socket back, which pynetdicom forgets when the peer was the first to close."""
    connected.close()


QUICK_HANDLERS: list[Binding] = [(evt.EVT_CONN_OPEN, _on_connection), (evt.EVT_DATA_RECV, _on_received)]
