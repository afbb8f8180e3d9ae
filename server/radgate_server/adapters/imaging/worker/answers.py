"""What a worker answers: one message a job, a word, JSON, and after this line the result's bytes or where they lie.

The server parses it, every type and bound checked: the worker may have been taken over by the image it was given.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from typing import Any

from radgate_server.adapters.imaging.operations import Result
from radgate_server.adapters.imaging.worker.checks import BrokenAnswerError, broken, number, shortened, text, text_table
from radgate_server.adapters.imaging.worker.results import Fields, pack, unpack
from radgate_server.adapters.imaging.worker.shared_memory import SharedMemory, Span
from radgate_server.core.errors import (
    CodecFailedError,
    GatewayError,
    ImageTooLargeError,
    InstanceMalformedError,
    InvalidArgumentError,
    NotAcceptableError,
)

INLINE_BYTES = 16 << 10
"""Results up to here travel inside of the message."""
LONGEST_MESSAGE_BYTES = 128 << 10

_PLACE = Struct("<QQ")
"""Offset and length in the shared memory."""

READY = b"ready\n"
"""The first message: the worker has started."""


@dataclass(frozen=True, slots=True)
class Done:
    """A result whose bytes are not read yet: they are `data`, or lie in the memory at `span`."""

    fields: Fields
    data: bytes
    span: Span | None

    def result[Made: Result](self, kind: type[Made], memory: SharedMemory) -> Made:
        """The result, of the kind that the operation makes.

        Raises:
            BrokenAnswerError: it is not one, or the memory ends before it does.
        """
        try:
            data = self.data if self.span is None else memory.take(self.span)
        except EOFError:
            broken()
        return unpack(kind, data, self.fields)


@dataclass(frozen=True, slots=True)
class Failed:
    """The job failed by an error that is not ours; `kind` is its type's name."""

    kind: str


def write_result(result: Result, memory: SharedMemory) -> bytes:
    """The message of a result; its bytes go into memory unless they are few."""
    data, fields = pack(result)
    if len(data) <= INLINE_BYTES:
        return b"here %b\n%b" % (fields, data)
    return b"there %b\n%b" % (fields, _PLACE.pack(*memory.put(data)))


def write_error(error: BaseException) -> bytes:
    """The message of an error."""
    name = type(error).__name__
    if isinstance(error, GatewayError) and name in FAILURES:
        details = {key: shortened(value) for key, value in error.details.items()}
        return _line("refused", name, shortened(error.message), details)
    return _line("failed", name)


def read_answer(message: bytes, most_bytes: int) -> Done | Failed | GatewayError:
    """Parse a message from write_result or write_error. `most_bytes` is the largest result that is believed.

    Raises:
        BrokenAnswerError: it is none.
    """
    line, _, rest = message.partition(b"\n")
    word, _, said = line.partition(b" ")
    if word == b"there" and len(rest) == _PLACE.size:
        offset, length = _PLACE.unpack(rest)
        return Done(said, b"", Span(number(offset, most_bytes), number(length, most_bytes)))
    if word == b"here":
        return Done(said, rest, None)
    match word, _parsed(said):
        case b"refused", [str(name), message_text, dict(details)] if name in FAILURES:
            return _refusal(name, text(message_text), text_table(details))
        case b"failed", [str(kind)] if kind.isidentifier():
            return Failed(text(kind))
        case _:
            raise BrokenAnswerError


def _parsed(said: bytes) -> Any:
    try:
        return json.loads(said)
    except (ValueError, RecursionError) as error:
        raise BrokenAnswerError from error


def _refusal(name: str, message: str, details: dict[str, str]) -> GatewayError:
    try:
        return FAILURES[name](message, details)
    except TypeError as error:  # a detail is called like an argument
        raise BrokenAnswerError from error


def _line(word: str, *items: Any) -> bytes:
    return f"{word} {json.dumps(items)}\n".encode()


def _plain(kind: type[GatewayError]) -> Callable[[str, dict[str, str]], GatewayError]:
    return lambda message, details: kind(message, **details)


def _invalid_argument(message: str, details: dict[str, str]) -> GatewayError:
    field = details.get("field", "")
    return InvalidArgumentError(field, message.removeprefix(f"{field}: "))


FAILURES: dict[str, Callable[[str, dict[str, str]], GatewayError]] = {
    CodecFailedError.__name__: _plain(CodecFailedError),
    ImageTooLargeError.__name__: _plain(ImageTooLargeError),
    InstanceMalformedError.__name__: _plain(InstanceMalformedError),
    InvalidArgumentError.__name__: _invalid_argument,
    NotAcceptableError.__name__: _plain(NotAcceptableError),
}
"""The errors of ours that a worker may answer with, and how each is made again. Of others only the type crosses."""
