"""A line of log as one JSON object, without patient data.

Our own messages are written to hold none. Those of libraries may quote what they stumble over (a name that does not
decode, a row, a whole data set), so of them only the place is reported; of an exception that is not ours, the type, the
places of its traceback, and the reason where that can hold no data (core/failure_text.py).
"""

import json
import logging
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum
from pathlib import PurePath
from typing import Any

from radgate_server.core.errors import GatewayError
from radgate_server.core.failure_text import describe_failure
from radgate_server.core.telemetry.request_context import request_id, trace_id

FIELDS = (
    "method",
    "code",
    "seconds",
    "tenant",
    "pacs",
    "operation",
    "outcome",
    "reason",
    "primary",
    "from_pacs",
    "to_pacs",
    "cause",
    "strange",
    "malformed",
    "key_id",
    "tier",
    "entries",
    "bytes",
    "count",
    "left_out",
    "done",
    "failed",
    "total",
    "delay_s",
    "drain_s",
    "exit_status",
    "server_process",
    "port",
    "provider",
    "grpc_port",
    "http_port",
    "dicom_port",
    "metrics_port",
    "action",
    "alert",
    "check",
    "ends",
    "job",
    "receiver",
    "records",
    "schedule",
    "source",
)
"""What a log call's `extra` may hold; anything else in it is left out. None of them can hold patient data or a UID."""

_FRAMES = 20


class Trust(Enum):
    """How much of a message can be reported."""

    ALL = "all"
    FIRST_LINE = "first line"
    """The values that were to stand in the message are left out too."""
    NOTHING = "nothing"


_TRUST = {
    "radgate_server": Trust.ALL,
    "radgate": Trust.ALL,
    "asyncio": Trust.FIRST_LINE,
    "grpc": Trust.FIRST_LINE,
}
"""By the first part of a logger's name; all others are not trusted."""


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object, its time as RFC 3339 in UTC.

    `process_number` is of several server processes that write to one stream this one's; -1: there is one alone.
    """

    def __init__(self, process_number: int = -1) -> None:
        super().__init__()
        self._process = {"process": process_number} if process_number >= 0 else {}

    def format(self, record: logging.LogRecord) -> str:
        """The record's line, without the newline."""
        line: dict[str, Any] = {
            "time": _rfc3339(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
            **self._process,
        }
        if current := request_id.get():
            line["request_id"] = current
        if current := trace_id.get():
            line["trace_id"] = current
        line.update((name, record.__dict__[name]) for name in FIELDS if name in record.__dict__)
        if record.exc_info and record.exc_info[1] is not None:
            line["exceptions"] = [_describe(error) for error in _chain(record.exc_info[1])]
        return json.dumps(line, ensure_ascii=False, default=_type_name)


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(record: logging.LogRecord) -> str:
    trust = _TRUST.get(record.name.partition(".")[0], Trust.NOTHING)
    if trust is Trust.NOTHING:
        return f"({PurePath(record.pathname).name}:{record.lineno} {record.funcName})"
    if trust is Trust.FIRST_LINE:
        return str(record.msg).partition("\n")[0]
    if not record.args:
        return str(record.msg)
    arguments = record.args if isinstance(record.args, tuple) else (record.args,)
    return str(record.msg) % tuple(map(_loggable, arguments))


def _loggable(value: object) -> object:
    return describe_failure(value) if isinstance(value, BaseException) else value


def _type_name(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception, then what it came from, as far as its raiser did not hide that."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _describe(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    described: dict[str, Any] = {
        "type": _type_name(error),
        "frames": [f"{_place(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if isinstance(error, GatewayError):
        described["message"] = error.message
    elif (reason := describe_failure(error)) != type(error).__name__:
        described["reason"] = reason
    if isinstance(error, OSError) and error.errno is not None:
        described["errno"] = error.errno
    return described


def _place(filename: str) -> str:
    """The end of a source file's path: package and module, without the machine's folders."""
    return "/".join(PurePath(filename).parts[-3:])
