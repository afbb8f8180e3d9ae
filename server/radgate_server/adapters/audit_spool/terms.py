"""What server and recorder say to each other beside the records: terms on the way in, lines of log on the way out."""

import json
import logging
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

WAKE, END = b"w", b"e"
"""To the recorder: look into the ring now; finish and end."""

READY = b"ready\n"
"""From the recorder: records may come."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a recorder works with. They go through a socket: arguments and environment can be seen by others."""

    database_url: str
    data_dir: Path
    folder: Path
    limit_bytes: int

    @classmethod
    def read(cls, line: bytes) -> Self:
        """Take them from a line."""
        database_url, data_dir, folder, limit_bytes = json.loads(line)
        return cls(database_url, Path(data_dir), Path(folder), limit_bytes)

    def line(self) -> bytes:
        """The line that `read` takes."""
        return json.dumps([self.database_url, str(self.data_dir), str(self.folder), self.limit_bytes]).encode() + b"\n"


class LineHandler(logging.Handler):
    """Writes each record of log as one line that `take_line` takes; drops it where nobody reads."""

    def __init__(self, server: socket.socket) -> None:
        super().__init__()
        self._server = server

    def emit(self, record: logging.LogRecord) -> None:
        """Send it, unless that would have to wait."""
        line = json.dumps([record.name, record.levelno, record.getMessage()]).encode() + b"\n"
        with suppress(OSError):
            self._server.send(line, socket.MSG_DONTWAIT)


def problem_line(problem: str) -> bytes:
    """The line by which a recorder says why it does not start."""
    return json.dumps(problem).encode() + b"\n"


def take_line(line: bytes) -> str:
    """Log what a recorder wanted to be logged, unless only a part of it came; or return why it does not start."""
    with suppress(ValueError):
        match json.loads(line):
            case str(problem):
                return problem
            case [name, level, message]:
                logging.getLogger(name).log(level, "%s", message)
    return ""
