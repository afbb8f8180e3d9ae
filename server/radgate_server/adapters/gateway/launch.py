"""Becomes another program that dies with its parent: `python -I -S launch.py PARENT_PID PROGRAM ARGUMENT...`.

Run as a script by EnvoyProcess, so that not even a kill -9 of the server leaves an Envoy behind that holds the port.
A program of its own, because what runs between fork and exec in a process with threads may deadlock.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # prctl(2)


def main(parent_pid: int, program: str, arguments: list[str]) -> None:
    """Ask the kernel for SIGKILL when the parent dies, and become `program`."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it died before the kernel was asked
        sys.exit(1)
    os.execv(program, [program, *arguments])  # noqa: S606 - the program is the configured Envoy, no shell is involved


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
