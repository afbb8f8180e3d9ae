"""Telling systemd how the server does, by sd_notify(3); where no such manager has started it, nothing is done."""

import os
import socket
from contextlib import suppress


def notify(state: str) -> None:
    """Send a state, such as "READY=1", to the socket that $NOTIFY_SOCKET names; failures are the manager's business."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # of the abstract namespace (unix(7))
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.connect(address)
        sender.sendall(state.encode())
