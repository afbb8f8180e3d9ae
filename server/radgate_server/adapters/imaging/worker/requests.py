"""A round of jobs in flight to a worker: pickled, since the server is trusted; frames go through shared memory."""

import pickle
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from radgate_server.adapters.imaging.worker.shared_memory import SharedMemory, Span
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.imaging.frames import StoredFrame

INLINE_BYTES = 16 << 10
"""What is smaller travels inside of the message: no reading and writing of memory."""
LONGEST_MESSAGE_BYTES = 2 * INLINE_BYTES

_REMEMBERED = 256
_REMEMBERED_BYTES = 1024
"""Packed. Longer arguments hold look-up tables and overlays: data of one image, not to be kept."""

type _Where = bytes | tuple[int, ...]
"""A frame's bytes, or offset and length of a span: to pickle our own classes costs a multiple of plain tuples."""

_packed: dict[tuple[Any, ...], bytes] = {}
_unpacked: dict[bytes, tuple[Any, ...]] = {}


class Task(NamedTuple):
    """What one job asks of the worker: the operation's name, frames, and the arguments that follow them."""

    operation: str
    frames: Sequence[StoredFrame]
    arguments: tuple[Any, ...]


def write_round(tasks: Sequence[Task], memory: SharedMemory) -> bytes:
    """Put the frames' bytes into memory; the message that reports where they are."""
    memory.rewind()
    content = [
        (task.operation, [_put(frame, memory) for frame in task.frames], _pack(task.arguments)) for task in tasks
    ]
    message = pickle.dumps(content, pickle.HIGHEST_PROTOCOL)
    return message if len(message) <= INLINE_BYTES else pickle.dumps(tuple(memory.put(message)))


def read_round(message: bytes, memory: SharedMemory) -> list[Task]:
    """The tasks of a message from write_round."""
    content = pickle.loads(message)  # noqa: S301 - the server wrote it
    if isinstance(content, tuple):
        content = pickle.loads(memory.take(Span(*content)))  # noqa: S301 - the server wrote it
    return [
        Task(operation, [_take(memory, *packed) for packed in frames], _unpack(arguments))
        for operation, frames, arguments in content
    ]


def _pack(arguments: tuple[Any, ...]) -> bytes:
    """The arguments pickled: once for many jobs, since those of a series' pictures are mostly alike."""
    packed = _packed.get(arguments)
    if packed is None:
        packed = pickle.dumps(arguments, pickle.HIGHEST_PROTOCOL)
        _remember(_packed, arguments, packed, len(packed))
    return packed


def _unpack(packed: bytes) -> tuple[Any, ...]:
    """The reverse of _pack; equal ones are the same object again, and may hold nothing that can be changed."""
    arguments: tuple[Any, ...] | None = _unpacked.get(packed)
    if arguments is None:
        arguments = pickle.loads(packed)  # noqa: S301 - the server wrote it
        _remember(_unpacked, packed, arguments, len(packed))
    return arguments


def _remember[Key, Value](table: dict[Key, Value], key: Key, value: Value, size_bytes: int) -> None:
    """Forgetting all at once needs no order, which two threads could not keep."""
    if size_bytes <= _REMEMBERED_BYTES:
        if len(table) >= _REMEMBERED:
            table.clear()
        table[key] = value


def _put(frame: StoredFrame, memory: SharedMemory) -> tuple[_Where, str, tuple[int | str, ...]]:
    where = bytes(frame.data) if len(frame.data) <= INLINE_BYTES else tuple(memory.put(frame.data))
    return where, frame.transfer_syntax_uid, tuple(frame.image)


def _take(memory: SharedMemory, where: _Where, transfer_syntax_uid: str, image: tuple[int | str, ...]) -> StoredFrame:
    """The frame where it lies: codecs that can't read it there copy it."""
    data = where if isinstance(where, bytes) else cast("bytes", memory.view(Span(*where)))
    return StoredFrame(data, transfer_syntax_uid, ImagePixel._make(image))
