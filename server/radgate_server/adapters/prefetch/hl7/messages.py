"""HL7 v2 messages, of which the header and the segments that matter are read (HL7 v2.5.1 chapter 2).

The library `hl7` takes them apart. It knows no bounds, so that this module gives it so many parts at most; of escape
sequences it would repeat a space as often as a message says, so that these are resolved here.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import hl7

from radgate_server.adapters.prefetch.hl7.blocks import Block

MAX_PARTS = 10_000
"""Fields, components and so on of the segments that are read: about 5 MB while they are."""
MAX_SEGMENTS = 500

_READ = frozenset({b"PID", b"ORC", b"OBR", b"TQ1", b"ZDS", b"IPC", b"SCH", b"AIS"})
_SEGMENT = re.compile(rb"[^\r\n]+")
_HEADER = re.compile(rb"MSH([!-/:-@\[-`{-~])([!-/:-@\[-`{-~]{4,5}?)\1")
"""MSH-1 and MSH-2: the separators, and in newer versions the character for truncation (2.5.5.2)."""
_CHARACTER_SET, _NULL = 17, '""'

CHARACTER_SETS: Mapping[str, str] = {
    # MSH-18 (table 0211): Python's codec. All of them have ASCII's characters where ASCII has them.
    "": "utf-8",
    "ASCII": "ascii",
    "UNICODE UTF-8": "utf-8",
    **{f"8859/{part}": f"iso8859-{part}" for part in (*range(1, 10), 15)},
}


class Problem(StrEnum):
    """Why a message is refused. These words go into MSA-3: none of them may be data."""

    NO_HEADER = "no HL7 v2 message: it must begin with MSH and five separators"
    CHARACTER_SET = "MSH-18: the character set is not supported; use UNICODE UTF-8, 8859/1 to 8859/9, 8859/15 or ASCII"
    TOO_MANY_PARTS = "the message has too many segments or fields"
    TOO_LARGE = "the message is too large"
    NO_SENDER = "no sender of the settings has this address, certificate and MSH-3 to MSH-6"
    NO_PATIENT = "PID-3: there is no Patient ID, or none of the assigning authority of the settings"
    SEVERAL_PATIENTS = "PID: the message is about more than one patient"
    PATIENT_ID = "PID-3: the Patient ID has a wildcard, or characters outside of the character set"
    BUSY = "too many events wait; send it again later"


class MessageError(Exception):
    """The message can't be used; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.value)
        self.problem = problem


class Place(NamedTuple):
    """Where something stands: OBR-4.2 is Place("OBR", 4, 2)."""

    segment: str
    field: int
    component: int = 1


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment. Its values are "" where there is none, and where it says that there is none (the null value)."""

    _fields: Any = field(repr=False)

    @property
    def name(self) -> str:
        """Its three letters."""
        return _text(_part(self._fields[0], 1))

    def value(self, number: int, component: int = 1, *, repetition: int = 1, subcomponent: int = 1) -> str:
        """The text at a place, each number from 1, with its escape sequences resolved."""
        found = self._fields[number] if number < len(self._fields) else ""
        for part in (repetition, component, subcomponent):
            found = _part(found, part)
        text = _text(found).strip(" ")
        return "" if text == _NULL else _unescaped(text, self._fields.separators, self._fields.esc)

    def repetitions(self, number: int) -> int:
        """How often the field is there."""
        return len(self._fields[number]) if number < len(self._fields) else 0


@dataclass(frozen=True, slots=True)
class Message:
    """The header, and the segments that are read in their order."""

    header: Segment
    segments: Sequence[Segment]

    @property
    def kind(self) -> str:
        """Type and event, as in "ORM^O01" (MSH-9.1, MSH-9.2)."""
        return f"{self.header.value(9)}^{self.header.value(9, 2)}".rstrip("^").upper()


def read_message(block: Block) -> Message:
    """Take the message apart.

    Raises:
        MessageError: it is none, or can't be read.
    """
    content = block.content
    if not block.is_whole:
        raise MessageError(Problem.TOO_LARGE)
    kept = "\r".join(_kept(content, codec_of(content)))
    separators = {kept[3], *kept[4:8]}
    if sum(map(kept.count, separators)) > MAX_PARTS:
        raise MessageError(Problem.TOO_MANY_PARTS)
    header, *segments = map(Segment, hl7.parse(kept))
    return Message(header, segments)


def header_fields(content: bytes) -> Sequence[bytes]:
    """The fields of the header as they are, MSH-1 at index 0; as far as there are any.

    Raises:
        MessageError: there is no header.
    """
    start = _SEGMENT.search(content)
    line = start.group().strip() if start else b""
    found = _HEADER.match(line)
    marks = found.group(1, 2) if found else (b"", b"")
    if found is None or len(set(b"".join(marks))) < 1 + len(marks[1]):
        raise MessageError(Problem.NO_HEADER)
    return (marks[0], *line[4:].split(marks[0], _CHARACTER_SET + 1))


def codec_of(content: bytes) -> str:
    """Python's name of the character set that the header names (MSH-18, the first of several).

    Raises:
        MessageError: there is no header, or the character set is not supported.
    """
    fields = header_fields(content)
    named = fields[_CHARACTER_SET] if len(fields) > _CHARACTER_SET else b""
    repetition = fields[1][1:2]
    name = named.split(repetition, 1)[0].strip().decode("ascii", "replace").upper()
    if (codec := CHARACTER_SETS.get("" if name == _NULL else name)) is None:
        raise MessageError(Problem.CHARACTER_SET)
    return codec


def _kept(content: bytes, codec: str) -> Iterator[str]:
    """The header and what is read of the rest; bytes that the character set has not are replaced by U+FFFD."""
    for number, found in enumerate(_kept_lines(content)):
        if number > MAX_SEGMENTS:
            raise MessageError(Problem.TOO_MANY_PARTS)
        yield found.decode(codec, "replace")


def _kept_lines(content: bytes) -> Iterator[bytes]:
    lines = (found.group().strip() for found in _SEGMENT.finditer(content))
    yield next(lines)
    yield from (line for line in lines if line[:3] in _READ)


def _part(parts: Any, number: int) -> Any:
    """Part `number` of something that the library took apart; a text is its own first part."""
    if isinstance(parts, str):
        return parts if number == 1 else ""
    return parts[number - 1] if number <= len(parts) else ""


def _text(part: Any) -> str:
    """The text of what has no more parts than one."""
    return part if isinstance(part, str) else ""


def _unescaped(text: str, separators: str, escape: str) -> str:
    """The text with the separators that are escaped in it (2.7.1). Other sequences stay: no ID becomes another."""
    if escape not in text:
        return text
    meant = dict(zip("FRST", separators[1:], strict=True), E=escape)  # field, repetition, component, subcomponent
    mark = re.escape(escape)
    return re.sub(f"{mark}([FSTRE]){mark}", lambda found: meant[found.group(1)], text)
