"""A round of jobs on its way to a worker: pickled, since the server is trusted; frames go through shared memory."""

import pickle
from collections.abc import Sequence
from typing import Any, NamedTuple

from radgate_server.adapters.imaging.worker.shared_memory import SharedMemory, Span
from radgate_server.core.dicom.image_pixel import ImagePixel
from radgate_server.core.imaging.frames import StoredFrame

INLINE_BYTES = 16 << 10
"""What is smaller travels inside of the message: no reading and writing of memory."""
LONGEST_MESSAGE_BYTES = 2 * INLINE_BYTES


class Task(NamedTuple):
    """What one job asks of the worker: the operation's name, frames, and the arguments that follow them."""

    operation: str
    frames: Sequence[StoredFrame]
    arguments: tuple[Any, ...]


def write_round(tasks: Sequence[Task], memory: SharedMemory) -> bytes:
    """Put the frames' bytes into memory; the message that tells where they are."""
    memory.rewind()
    content = [(task.operation, [_put(frame, memory) for frame in task.frames], task.arguments) for task in tasks]
    message = pickle.dumps(content, pickle.HIGHEST_PROTOCOL)
    return message if len(message) <= INLINE_BYTES else pickle.dumps(memory.put(message), pickle.HIGHEST_PROTOCOL)


def read_round(message: bytes, memory: SharedMemory) -> list[Task]:
    """The tasks of a message from write_round."""
    content = pickle.loads(message)  # noqa: S301 - the server wrote it
    if isinstance(content, Span):
        content = pickle.loads(memory.take(content))  # noqa: S301 - the server wrote it
    return [
        Task(operation, [_take(memory, *packed) for packed in frames], arguments)
        for operation, frames, arguments in content
    ]


def _put(frame: StoredFrame, memory: SharedMemory) -> tuple[bytes | Span, str, tuple[int | str, ...]]:
    """Plain tuples: pickling them costs a fraction of what our own classes do."""
    data = frame.data if len(frame.data) <= INLINE_BYTES else memory.put(frame.data)
    return data, frame.transfer_syntax_uid, tuple(frame.image)


def _take(
    memory: SharedMemory, data: bytes | Span, transfer_syntax_uid: str, image: tuple[int | str, ...]
) -> StoredFrame:
    here = memory.take(data) if isinstance(data, Span) else data
    return StoredFrame(here, transfer_syntax_uid, ImagePixel._make(image))
