"""Notifying the service manager, which is systemd or whatever speaks its protocol (sd_notify(3))."""

import os
import socket
import time
from contextlib import suppress

READY, STOPPING = "READY=1", "STOPPING=1"


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


def reloading() -> str:
    """The state of one that reloads from now on, until it is READY again (Type=notify-reload)."""
    return f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}"
