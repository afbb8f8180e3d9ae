"""Text of data elements to Unicode, whatever Specific Character Set (0008,0005) says (PS3.3 C.12.1.1.2, PS3.5 6.1)."""

import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache

_ESCAPE = b"\x1b"
_FRAGMENT = re.compile(rb"^[^\x1b]+|\x1b[^\x1b]*")
_TEXT_DELIMITER = re.compile(rb"[\t\n\f\r\\]")
_NAME_DELIMITER = re.compile(rb"[\t\n\f\r\\^=]")

_DEFAULT = "ascii"
_DEFAULT_TERMS = frozenset({"", "ISO IR 6", "ISO 2022 IR 6"})
_G0_ASCII = _ESCAPE + b"(B"
_TWO_BYTE_G0 = {_ESCAPE + b"$B": "iso2022_jp", _ESCAPE + b"$(D": "iso2022_jp_2"}
"""Here bytes that look like delimiters are halves of characters, and Python's codec wants to see the escape."""


def _spelled(term: str) -> str:
    """Unite the spellings that are met: ISO-IR 100, ISO_IR_100, iso ir 100."""
    return re.sub(r"[-_ ]+", " ", term.strip().upper())


@cache
def _codecs() -> Mapping[str, str]:
    """Python's codecs by defined terms. pydicom is imported here, for it takes half a second with numpy."""
    from pydicom.charset import python_encoding

    return {_spelled(term): codec for term, codec in python_encoding.items()} | dict.fromkeys(_DEFAULT_TERMS, _DEFAULT)


@cache
def _codecs_of_escapes() -> Mapping[bytes, str]:
    """Python's codecs by the escape sequences that switch to them."""
    from pydicom.charset import CODES_TO_ENCODINGS

    return dict(CODES_TO_ENCODINGS)


class Charset:
    """The character repertoire of one data set: `codec` until an escape sequence switches to another."""

    __slots__ = ("codec",)

    def __init__(self, codec: str) -> None:
        self.codec = codec

    def text(self, raw: bytes) -> str:
        """Decode the value of an SH, LO, ST, LT, UC or UT element. Never fails: see `_decode`."""
        return self._extended(raw, _TEXT_DELIMITER) if _ESCAPE in raw else _decode(raw, self.codec)

    def name(self, raw: bytes) -> str:
        """Decode the value of a PN element, in which `^` and `=` too end what an escape sequence began."""
        return self._extended(raw, _NAME_DELIMITER) if _ESCAPE in raw else _decode(raw, self.codec)

    def _extended(self, raw: bytes, delimiter: re.Pattern[bytes]) -> str:
        return "".join(self._fragment(fragment, delimiter) for fragment in _FRAGMENT.findall(raw))

    def _fragment(self, fragment: bytes, delimiter: re.Pattern[bytes]) -> str:
        """Decode what follows one escape sequence (PS3.5 6.1.2.5); a sequence that is not declared counts too."""
        escape = fragment[: 4 if fragment[1:3] in (b"$(", b"$)") else 3]
        if escape in _TWO_BYTE_G0:
            return _decode(fragment, _TWO_BYTE_G0[escape])
        codec = self.codec if escape == _G0_ASCII else _codecs_of_escapes().get(escape)
        if codec is None:
            return _decode(fragment, self.codec)
        body = fragment[len(escape) :]
        reset = delimiter.search(body)
        if reset is None:
            return _decode(body, codec)
        return _decode(body[: reset.start()], codec) + _decode(body[reset.start() :], self.codec)


DEFAULT_CHARSET = Charset(_DEFAULT)


def charset_of(terms: Iterable[str]) -> Charset:
    """Return the charset for the values of Specific Character Set; unknown ones count as the default repertoire."""
    return _charset(next(iter(terms), ""))


@lru_cache(maxsize=64)
def _charset(first_term: str) -> Charset:
    return Charset(_codecs().get(_spelled(first_term), _DEFAULT))


def _decode(raw: bytes, codec: str) -> str:
    """Decode as declared, else as UTF-8, which rarely fits by chance, else so that the least is lost."""
    for candidate in (codec, "utf-8"):
        try:
            return raw.decode(candidate)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1") if codec in (_DEFAULT, "UTF8") else raw.decode(codec, "replace")
