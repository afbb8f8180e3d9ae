"""Ports for programs that want to be reported which one to listen on."""

import os
import socket
from itertools import count

_FIRST, _END = 10_000, 32_000
"""Below those that Linux gives to connections (net.ipv4.ip_local_port_range), one of which would take it meanwhile."""

_OF_A_RUN, _OF_A_WORKER = 100, 2000
"""How far apart runs begin that happen at the same time, and the processes of one run: more than each gives away."""


def _first_number() -> int:
    worker = os.environ.get("PYTEST_XDIST_WORKER")  # gw0, gw1, ...
    if worker is None:
        return os.getpid() * _OF_A_RUN
    return os.getppid() * _OF_A_RUN + int(worker.removeprefix("gw")) * _OF_A_WORKER


_numbers = count(_first_number())


def free_port() -> int:
    """A TCP port of the loopback address on which nobody listens, and that this process has not given away recently."""
    for number in _numbers:
        port = _FIRST + number % (_END - _FIRST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("count() does not end")


def free_ports(count: int) -> range:
    """So many that follow one another, as `free_port` gives them."""
    while True:
        first, *others = (free_port() for _ in range(count))
        if others == list(range(first + 1, first + count)):
            return range(first, first + count)
