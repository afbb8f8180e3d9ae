"""Processor time of a server with all that it runs, from /proc: it holds on a machine that does other things too."""

import os
from collections import Counter
from pathlib import Path

from radgate_server.adapters.imaging.workers.process import PROGRAM
from tests.e2e.processes import descendants

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def processor_s(pid: int) -> Counter[str]:
    """User and system time of the process and of all below it that live, in seconds, by what they are.

    "workers" are those that decode images, "Envoy" is Envoy, and "server" all others.
    """
    seconds = Counter[str]()
    for each in descendants(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        seconds[_kind(each)] += (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND
    return seconds


def _kind(pid: int) -> str:
    command = Path(f"/proc/{pid}/cmdline").read_bytes()
    return "workers" if PROGRAM.encode() in command else "Envoy" if b"envoy" in command else "server"
