"""A worker: `python -m ...imaging.worker SOCKET REQUESTS ANSWERS PARENT_PID MEMORY_BYTES ANSWER_BYTES`.

The first three are descriptors that it inherits: a socket of packets, and two regions of shared memory.
"""

import os
import socket
import sys

from radgate_server.adapters.imaging.worker.confinement import Limits, confine, fall_silent
from radgate_server.adapters.imaging.worker.serving import load_operations, serve
from radgate_server.adapters.imaging.worker.shared_memory import SharedMemory


def main(socket_fd: int, requests_fd: int, answers_fd: int, parent_pid: int, *limits: int) -> None:
    """Serve until the server closes the socket."""
    confine(parent_pid, Limits(*limits))
    functions = load_operations()
    fall_silent()
    with socket.socket(fileno=socket_fd) as connection:
        serve(connection, functions, SharedMemory(requests_fd), SharedMemory(answers_fd))
    os._exit(0)  # nothing is left to be tidied up


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
