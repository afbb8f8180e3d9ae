"""A worker's work: rounds of jobs come in, one answer a job goes out as soon as it is there."""

import importlib
import socket
from collections.abc import Callable, Mapping
from typing import Any

from radgate_server.adapters.imaging.operations import OPERATIONS, Operation, Result
from radgate_server.adapters.imaging.worker.answers import READY, write_error, write_result
from radgate_server.adapters.imaging.worker.requests import LONGEST_MESSAGE_BYTES, Task, read_round
from radgate_server.adapters.imaging.worker.shared_memory import SharedMemory

_LIBRARIES = ("numpy", *(f"imagecodecs._{codec}" for codec in ("htj2k", "jpeg2k", "jpeg8", "jpegls", "png")))
"""What most jobs need and codecs import late. Other libraries are imported by the first job that needs them."""

type Functions = Mapping[str, tuple[Operation[Any], Callable[..., Result]]]


def load_operations() -> Functions:
    """Import what the jobs will need, before the first one waits for it."""
    for library in _LIBRARIES:
        importlib.import_module(library)
    return {name: (operation, operation.load()) for name, operation in OPERATIONS.items()}


def serve(connection: socket.socket, functions: Functions, requests: SharedMemory, answers: SharedMemory) -> None:
    """Work until the server closes its end."""
    connection.send(READY)
    while message := connection.recv(LONGEST_MESSAGE_BYTES):
        answers.rewind()
        for task in read_round(message, requests):
            connection.send(_answer(task, functions, answers))


def _answer(task: Task, functions: Functions, answers: SharedMemory) -> bytes:
    operation, function = functions[task.operation]
    try:
        result = function(task.frames if operation.of_many else task.frames[0], *task.arguments)
        return write_result(result, answers)
    except BaseException as error:  # noqa: BLE001 - whatever a codec does costs one job; the server hears of it
        return write_error(error)
