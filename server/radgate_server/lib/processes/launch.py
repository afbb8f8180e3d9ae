"""Becomes a program that is notified of its parent's death.

Run as a script (`python -I -S launch.py PARENT_PID SIGNAL PROGRAM ARGUMENT...`), so that not even a kill -9 of the
parent leaves a process behind that holds ports or serves on.
A program of its own, because what runs between fork and exec in a process with threads may deadlock.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # prctl(2)


def command_under(parent_pid: int, number: signal.Signals, program: str, *arguments: str) -> list[str]:
    """The command that runs `program` with these arguments, and sends it the signal when the parent dies."""
    return [sys.executable, "-I", "-S", __file__, str(parent_pid), str(int(number)), program, *arguments]


def main(parent_pid: int, number: int, program: str, arguments: list[str]) -> None:
    """Ask the kernel for the signal when the parent dies, and become `program`."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent_pid:  # it died before the kernel was asked
        sys.exit(1)
    os.execv(program, [program, *arguments])  # noqa: S606 - a configured program, no shell is involved


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
