"""Event handlers that keep TCP from waiting.

With Nagle's algorithm and delayed acknowledgements, both of which pynetdicom leaves on, each message takes 40 ms.
"""

import socket
from collections.abc import Callable
from typing import Any

from pynetdicom import evt

type Binding = tuple[evt.NotificationEvent | evt.InterventionEvent, Callable[..., Any]]
"""An event and its handler, as pynetdicom takes them."""

_QUICKACK = getattr(socket, "TCP_QUICKACK", None)  # Linux only


def _set_option(event: evt.Event, option: int) -> None:
    connection = event.assoc.dul.socket
    if connection is not None and connection.socket is not None:
        connection.socket.setsockopt(socket.IPPROTO_TCP, option, 1)


def _on_connection(event: evt.Event) -> None:
    """Send small messages at once."""
    _set_option(event, socket.TCP_NODELAY)


def _on_received(event: evt.Event) -> None:
    """Acknowledge at once; the system forgets this option after a while."""
    if _QUICKACK is not None:
        _set_option(event, _QUICKACK)


QUICK_HANDLERS: list[Binding] = [(evt.EVT_CONN_OPEN, _on_connection), (evt.EVT_DATA_RECV, _on_received)]
