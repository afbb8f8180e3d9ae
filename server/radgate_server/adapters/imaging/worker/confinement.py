"""What a worker may not do: outlive its server, take more memory than allowed, leave an image in a core dump."""

import ctypes
import os
import resource
import signal
import sys
from typing import NamedTuple

# prctl(2)
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4


class Limits(NamedTuple):
    """Bounds of one worker. `answer_bytes` is how much of the shared memory it may fill."""

    memory_bytes: int
    answer_bytes: int


def confine(parent_pid: int, limits: Limits) -> None:
    """Take these abilities from this process, permanently."""
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it died before the kernel was asked
        sys.exit(1)
    prctl(_PR_SET_DUMPABLE, 0)  # also where core dumps are piped to a program, which no resource limit forbids
    for kind, bound in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, limits.answer_bytes),
    ):
        _, hard = resource.getrlimit(kind)
        allowed = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(kind, (allowed, allowed))


def fall_silent() -> None:
    """Let nothing be written to standard error from here on: libraries quote the image that they stumble over."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)
