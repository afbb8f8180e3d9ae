"""Processes of a running server, which a test sends signals to."""

import os
import signal
from contextlib import suppress
from pathlib import Path

from tests.e2e.network import child_of
from tests.e2e.waiting import wait_for


def running_child_of(pid: int, program: str) -> int:
    """The child process of `pid` that runs `program`, once it is seen.

    Never 0, which as the receiver of a signal means the test's own process group. While other children end, the
    kernel may leave some out (proc_pid_task(5) on `children`).
    """
    return wait_for(lambda: child_of(pid, program), f"{program} runs")


def has_ended(pid: int) -> bool:
    """Whether the process is gone, or a zombie that init has yet to bury."""
    try:
        return not Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True


def children_of(pid: int) -> list[int]:
    """What any of the process's threads has started, and lives."""
    lists = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for children in lists for child in children.split()]


def descendants(pid: int) -> set[int]:
    """All processes below this one, and itself."""
    return {pid}.union(*(descendants(child) for child in children_of(pid)))


def server_processes(pid: int) -> dict[str, int]:
    """The server processes that this supervisor runs, by their number."""
    found = dict[str, int]()
    for child in children_of(pid):
        with suppress(OSError):  # it has ended meanwhile
            variables = Path(f"/proc/{child}/environ").read_bytes().decode().split("\0")
            found |= {line.partition("=")[2]: child for line in variables if "PROCESSES__NUMBER=" in line}
    return found


def kill_tree(pid: int) -> None:
    """Kill a process and all its descendants, as when their container is killed."""
    os.kill(pid, signal.SIGSTOP)  # starts no others meanwhile
    for child in children_of(pid):
        with suppress(OSError):  # it has just ended
            kill_tree(child)
    os.kill(pid, signal.SIGKILL)
