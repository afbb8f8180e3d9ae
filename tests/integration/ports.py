"""Ports for programs that want to be told which one to listen on."""

import os
import socket
from itertools import count

_FIRST, _END, _APART = 10_000, 32_000, 100
"""Below those that Linux gives to connections (net.ipv4.ip_local_port_range), one of which would take it meanwhile."""

_numbers = count(os.getpid() * _APART)  # test processes that run at the same time start far apart


def free_port() -> int:
    """A TCP port of the loopback address on which nobody listens, and that this process has not given away of late."""
    for number in _numbers:
        port = _FIRST + number % (_END - _FIRST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("count() does not end")
