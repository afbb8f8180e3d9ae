"""Multipart bodies (RFC 2046 5.1, RFC 2387), taken apart as they arrive; what is in the parts never gathers here."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

MAX_BOUNDARY_LENGTH = 200
"""RFC 2046 allows 70 characters; some servers take more."""

_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;\s]*)')
_ESCAPED = re.compile(r"\\(.)")
_FOLDED = re.compile(rb"\r?\n[ \t]+")
_END_OF_HEADERS = re.compile(rb"\n(\r?\n)")
_END_OF_LINE = re.compile(rb"[ \t]{0,64}(\r?\n)")
_PART_OF_A_LINE = re.compile(rb"[ \t]{0,64}\r?\Z|-\Z")


class MultipartError(ValueError):
    """The body is no multipart body, breaks its rules or a limit, or ends inside a part."""


@dataclass(frozen=True, slots=True)
class PartBegins:
    """A part begins; the names of its headers are in lower case."""

    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class PartData:
    """The next bytes of the part. A view keeps alive the piece that it was fed in."""

    data: bytes | memoryview = field(repr=False)


@dataclass(frozen=True, slots=True)
class PartEnds:
    """The part is whole."""


@dataclass(frozen=True, slots=True)
class BodyEnds:
    """The closing delimiter has come; what follows it is of no interest."""


type MultipartEvent = PartBegins | PartData | PartEnds | BodyEnds


def parse_content_type(value: str) -> tuple[str, dict[str, str]]:
    """Split a Content-Type into media type and parameters, quoted or not; names in lower case."""
    media_type, _, _ = value.partition(";")
    parameters: dict[str, str] = {}
    for name, text in _PARAMETER.findall(value[len(media_type) :]):
        parameters.setdefault(name.lower(), _ESCAPED.sub(r"\1", text[1:-1]) if text.startswith('"') else text)
    return media_type.strip().lower(), parameters


def boundary_of(content_type: str) -> bytes:
    """The boundary that a multipart Content-Type names.

    Raises:
        MultipartError: it is no multipart type, or names no usable boundary.
    """
    media_type, parameters = parse_content_type(content_type)
    if not media_type.startswith("multipart/"):
        raise MultipartError("the Content-Type is not multipart")
    boundary = parameters.get("boundary", "").rstrip(" ")
    if not 1 <= len(boundary) <= MAX_BOUNDARY_LENGTH or not boundary.isascii() or not boundary.isprintable():
        raise MultipartError("the Content-Type names no usable boundary")
    return boundary.encode()


class _Line(Enum):
    """What follows something that looks like a delimiter."""

    PART = "a part"
    CLOSE = "the end of the body"
    NOTHING = "nothing that makes it one"
    UNKNOWN = "too little yet to decide"


class MultipartParser:
    """Takes a body in pieces of any size and returns what is in them.

    Lines end as the first delimiter's does: in CRLF, or in LF alone, which then no CR before a delimiter belongs to.
    `max_header_bytes` limits the headers of each part, and what may stand before the first one.
    """

    def __init__(self, boundary: bytes, *, max_header_bytes: int = 16 * 1024, max_parts: int = 1_000_000) -> None:
        self.closed = False
        self._dashes = b"--" + boundary
        self._delimiter = b"\n" + self._dashes
        self._max_header_bytes = max_header_bytes
        self._parts_left = max_parts
        self._buffer = b"\n"  # stands before the first line, so that a delimiter there looks like the others
        self._at = 0
        self._preamble_bytes = 0
        self._blank_line_length = 0
        self._declared_bytes: int | None = None
        self._part_bytes = 0
        self._step: Callable[[list[MultipartEvent]], bool] = self._preamble

    def feed(self, piece: bytes) -> list[MultipartEvent]:
        """Take the next piece; it is copied once at most.

        Raises:
            MultipartError: malformed headers, or a limit is passed.
        """
        self._buffer = self._buffer + piece if self._buffer else piece
        events: list[MultipartEvent] = []
        while self._step(events):
            continue
        self._buffer, self._at = self._buffer[self._at :], 0
        return events

    def finish(self) -> list[MultipartEvent]:
        """Return what the end of the body means; `closed` is whether the closing delimiter had come.

        Without that, what was delimited, or is as long as its Content-Length says, counts as whole.

        Raises:
            MultipartError: the body ends inside a part, or has no part at all.
        """
        rest = self._buffer
        if self.closed or (self._step == self._headers and not rest.strip()):
            return []
        if self._step == self._data and (rest.startswith(self._delimiter) or self._is_whole(rest)):
            return [PartEnds()]
        raise MultipartError("the multipart body ends too early")

    def _is_whole(self, rest: bytes) -> bool:
        """Whether the part is as long as it says, but for the beginning of a delimiter."""
        return self._part_bytes == self._declared_bytes and self._delimiter.startswith(rest)

    def _preamble(self, _events: list[MultipartEvent]) -> bool:
        found = self._buffer.find(self._delimiter, self._at)
        skipped_to = found if found >= 0 else max(self._at, len(self._buffer) - len(self._delimiter) + 1)
        self._preamble_bytes += skipped_to - self._at
        if self._preamble_bytes > self._max_header_bytes:
            raise MultipartError("the body does not begin with its boundary")
        self._at = skipped_to
        if found < 0:
            return False
        line, end = self._line_after(found + len(self._delimiter))
        if line is _Line.PART:
            newline = self._buffer[end - 1 : end + 1]
            self._delimiter = (b"\r\n" if newline == b"\r\n" else b"\n") + self._dashes
        return self._pass_delimiter(line, end, _events, found + len(self._delimiter))

    def _pass_delimiter(self, line: _Line, end: int, events: list[MultipartEvent], otherwise: int) -> bool:
        """Continue behind a delimiter, or at `otherwise` when it was none; False when that can't be determined yet."""
        if line is _Line.UNKNOWN:
            return False
        if line is _Line.NOTHING:
            self._at = otherwise
        if line is _Line.PART:
            self._at, self._step = end, self._headers
        if line is _Line.CLOSE:
            self.closed = True
            events.append(BodyEnds())
            self._step = self._epilogue
        return True

    def _line_after(self, at: int) -> tuple[_Line, int]:
        """What follows a delimiter, and where the line's LF is."""
        if self._buffer.startswith(b"--", at):
            return _Line.CLOSE, at
        if match := _END_OF_LINE.match(self._buffer, at):
            return _Line.PART, match.end() - 1
        return (_Line.UNKNOWN if _PART_OF_A_LINE.match(self._buffer, at) else _Line.NOTHING), at

    def _headers(self, events: list[MultipartEvent]) -> bool:
        """Read the headers, which begin behind the LF at the current place."""
        match = _END_OF_HEADERS.search(self._buffer, self._at, self._at + self._max_header_bytes)
        if match is None:
            if len(self._buffer) - self._at >= self._max_header_bytes:
                raise MultipartError("the headers of a part are too long")
            return False
        self._parts_left -= 1
        if self._parts_left < 0:
            raise MultipartError("the body has too many parts")
        headers = _parse_headers(self._buffer[self._at : match.start()])
        self._at, self._blank_line_length = match.start(1), len(match[1])
        length = headers.get("content-length", "")
        self._declared_bytes = int(length) if length.isdecimal() and len(length) < 16 else None
        self._part_bytes = 0
        self._step = self._first_data
        events.append(PartBegins(headers))
        return True

    def _first_data(self, _events: list[MultipartEvent]) -> bool:
        """Skip the empty line behind the headers, unless it is a delimiter's line end already: the part is empty."""
        begin = self._buffer[self._at : self._at + len(self._delimiter)]
        if len(begin) < len(self._delimiter) and self._delimiter.startswith(begin):
            return False
        if begin != self._delimiter:
            self._at += self._blank_line_length
        self._step = self._data
        return True

    def _data(self, events: list[MultipartEvent]) -> bool:
        found, line, end = self._find_delimiter()
        self._pass_data(self._certain_end() if found < 0 else found, events)
        if line in (_Line.PART, _Line.CLOSE):
            events.append(PartEnds())
        return found >= 0 and self._pass_delimiter(line, end, events, self._at)

    def _find_delimiter(self) -> tuple[int, _Line, int]:
        """Where the next delimiter is, or what may become one, what follows it, and where that ends; -1 when none is.

        What only looks like one stays part of the data around it: a body may be full of such.
        """
        at = self._at
        while (found := self._buffer.find(self._delimiter, at)) >= 0:
            at = found + len(self._delimiter)
            line, end = self._line_after(at)
            if line is not _Line.NOTHING:
                return found, line, end
        return -1, _Line.NOTHING, at

    def _certain_end(self) -> int:
        """Where the data end that can't be the beginning of a delimiter."""
        at = max(self._at, len(self._buffer) - len(self._delimiter) + 1)
        first = self._delimiter[:1]
        while (at := self._buffer.find(first, at)) >= 0:
            if self._delimiter.startswith(self._buffer[at:]):
                return at
            at += 1
        return len(self._buffer)

    def _pass_data(self, end: int, events: list[MultipartEvent]) -> None:
        if end > self._at:
            whole = self._at == 0 and end == len(self._buffer)
            events.append(PartData(self._buffer if whole else memoryview(self._buffer)[self._at : end]))
            self._part_bytes += end - self._at
            self._at = end

    def _epilogue(self, _events: list[MultipartEvent]) -> bool:
        self._at = len(self._buffer)
        return False


def _parse_headers(block: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in _FOLDED.sub(b" ", block).splitlines():
        name, colon, text = line.decode("latin-1").partition(":")
        if line and (not colon or not name.strip()):
            raise MultipartError("a part has a malformed header")
        if line:
            headers[name.strip().lower()] = text.strip()
    return headers
