"""What a client accepts, in every form that real ones send it (RFC 9110 12.5.1, PS3.18 8.3.3.1, 8.7.5)."""

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from radgate_server.core.errors import InvalidArgumentError

MAX_ACCEPT_LENGTH = 8192

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MEDIA_TYPE = re.compile(rf"\s*({_WORD}/{_WORD}|\*)\s*")
_PARAMETER = re.compile(rf'({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))\s*')
_QUALITY = re.compile(r"(?:[01]?\.\d{0,6}|[01])")
_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Acceptable:
    """One media range. Of a multipart one, `media_type` is that of the parts, "*/*" when it names none.

    `transfer_syntaxes` as given: UIDs or "*" (as stored); empty means the default of the media type.
    """

    multipart: bool
    media_type: str
    transfer_syntaxes: tuple[str, ...] = ()
    quality: float = 1.0

    @property
    def anything(self) -> bool:
        """Whether this is */*, which takes single parts and multiparts alike."""
        return not self.multipart and self.media_type == "*/*"

    @property
    def specificity(self) -> int:
        """How closely this describes what is wanted; the closest one's quality counts (RFC 9110 12.5.1)."""
        if self.anything:
            return 0
        return 1 + (not self.media_type.endswith("/*")) + bool(self.transfer_syntaxes)


ANYTHING = Acceptable(False, "*/*")


def acceptables(header: str, original_path: str) -> tuple[Acceptable, ...]:
    """What the query parameter `accept` of `original_path` says, without one what the header says, else anything.

    Raises:
        InvalidArgumentError: naming `accept`.

    """
    return parse_accept(accept_parameter(original_path) or header)


def accept_parameter(original_path: str) -> str:
    """The decoded `accept` of the query string, "" without one. `+` is no space: application/dicom+json has one."""
    query = original_path.partition("?")[2]
    if "accept=" not in query:
        return ""
    values = (field.removeprefix("accept=") for field in query.split("&") if field.startswith("accept="))
    return ",".join(unquote(value) for value in values)


@lru_cache(maxsize=512)
def parse_accept(text: str) -> tuple[Acceptable, ...]:
    """Parse a list of media ranges; those of quality 0 are kept, for they exclude. Nothing given accepts anything.

    Raises:
        InvalidArgumentError: naming `accept`.

    """
    if len(text) > MAX_ACCEPT_LENGTH:
        raise InvalidArgumentError("accept", f"must be at most {MAX_ACCEPT_LENGTH} characters")
    ranges = []
    position = _skip_commas(text, 0)
    while position < len(text):
        parsed, position = _parse_range(text, position)
        ranges.append(parsed)
        position = _skip_commas(text, position)
    return tuple(ranges) or (ANYTHING,)


def _skip_commas(text: str, position: int) -> int:
    while position < len(text) and text[position] in ", \t":
        position += 1
    return position


def _parse_range(text: str, position: int) -> tuple[Acceptable, int]:
    match = _MEDIA_TYPE.match(text, position)
    if match is None:
        raise InvalidArgumentError("accept", "a media range is type/subtype, type/* or */* (RFC 9110 12.5.1)")
    parameters: list[tuple[str, str]] = []
    position = match.end()
    while position < len(text) and text[position] == ";":
        position = _parse_parameter(text, position + 1, parameters)
    if position < len(text) and text[position] != ",":
        raise InvalidArgumentError("accept", "media ranges are separated by commas, parameters by semicolons")
    return _make_range(match[1].lower(), parameters), position


def _parse_parameter(text: str, position: int, parameters: list[tuple[str, str]]) -> int:
    while position < len(text) and text[position] in " \t":
        position += 1
    if position == len(text) or text[position] in ";,":
        return position  # an empty parameter is allowed (RFC 9110 5.6.6)
    match = _PARAMETER.match(text, position)
    if match is None:
        raise InvalidArgumentError("accept", "a parameter is name=value, the value a word or in quotes")
    value = _ESCAPE.sub(r"\1", match[2]) if match[2] is not None else match[3]
    parameters.append((match[1].lower(), value.strip()))
    return match.end()


def _make_range(media_type: str, parameters: list[tuple[str, str]]) -> Acceptable:
    media_type = "*/*" if media_type == "*" else media_type
    multipart = media_type in ("multipart/related", "multipart/*")
    syntaxes = dict.fromkeys(value for name, value in parameters if name == "transfer-syntax" and value)
    quality = next((_parse_quality(value) for name, value in parameters if name == "q"), 1.0)
    if multipart:
        media_type = next((value.lower() for name, value in parameters if name == "type" and value), "*/*")
    return Acceptable(multipart, media_type, tuple(syntaxes), quality)


def _parse_quality(value: str) -> float:
    if not _QUALITY.fullmatch(value) or value == "." or float(value) > 1:
        raise InvalidArgumentError("accept", "a quality is a number from 0 to 1")
    return float(value)
