"""Running a server until it is told to stop."""

import asyncio
import gc
import logging
import os
import signal
import socket
from contextlib import suppress

from radgate_server.adapters.telemetry import set_up_logging
from radgate_server.app.building import build_app
from radgate_server.settings.settings import Settings

_log = logging.getLogger(__name__)


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


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT, then let streams in flight finish; systemd is told of both."""
    set_up_logging(settings.telemetry.log_level, sampling=settings.telemetry.log_sampling)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with build_app(settings) as app:
        ports = {
            "grpc_port": app.grpc_port,
            "http_port": app.http_port,
            "dicom_port": app.dicom_port,
            "metrics_port": app.metrics_port,
        }
        _log.info("radgate serves", extra=ports)
        notify("READY=1")
        gc.freeze()  # what has been made by now stays: collections need not look at it again
        await stop.wait()
        notify("STOPPING=1")
        _log.info("radgate stops; streams in flight may finish", extra={"drain_s": settings.drain_s})
