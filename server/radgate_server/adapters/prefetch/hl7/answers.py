"""Acknowledgements in original mode (HL7 v2.5.1 2.9.2): MSH and MSA, in the sender's own separators."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from radgate_server.adapters.prefetch.hl7.messages import MessageError, header_fields

_DEFAULT = (b"|", b"^~\\&")
_MAX_ECHO = 250
_VERSION = b"2.5.1"


class AckCode(StrEnum):
    """MSA-1 (table 0008), as interface engines act on it: they send again what is answered with AE."""

    ACCEPTED = "AA"
    ERROR = "AE"
    """For now. The same message may be accepted later."""
    REJECTED = "AR"
    """For good: sending it again changes nothing."""


def acknowledge(content: bytes, code: AckCode, text: str, now: datetime, answer_id: str) -> bytes:
    """Answer the message: MSA-2 is its MSH-10, who sent it receives the answer. `text` is MSA-3, and no data.

    What is no message is answered too, without naming anything of it.
    """
    try:
        fields = header_fields(content)
    except MessageError:
        fields = _DEFAULT
    separator, encoding = fields[0], fields[1]
    event = _field(fields, 9).split(encoding[:1])[1:2]
    kind = encoding[:1].join((b"ACK", *event))
    time = now.strftime("%Y%m%d%H%M%S%z").encode()
    control_id = _field(fields, 10)
    header = (
        b"MSH",
        encoding,
        *(_field(fields, number) for number in (5, 6, 3, 4)),
        time,
        b"",
        kind,
        answer_id.encode(),
        _field(fields, 11) or b"P",
        _field(fields, 12) or _VERSION,
        *(b"" for _ in range(13, 18)),
        _field(fields, 18),
    )
    answer = (b"MSA", code.value.encode(), control_id, _escaped(text, separator, encoding))
    return b"".join(separator.join(segment).rstrip(separator) + b"\r" for segment in (header, answer))


def _field(fields: Sequence[bytes], number: int) -> bytes:
    """MSH-number as it was sent, b"" when it is not there or too long to be what it should."""
    found = fields[number - 1] if number <= len(fields) else b""
    return found if len(found) <= _MAX_ECHO else b""


def _escaped(text: str, separator: bytes, encoding: bytes) -> bytes:
    """The text, in which nothing may stand that is a separator for this sender (2.7.1)."""
    escape = encoding[2:3]
    codes = dict(
        zip((separator, *(encoding[at : at + 1] for at in range(4))), (b"F", b"S", b"R", b"E", b"T"), strict=True)
    )
    return b"".join(
        escape + codes[each] + escape if each in codes else each for each in (bytes((code,)) for code in text.encode())
    )
