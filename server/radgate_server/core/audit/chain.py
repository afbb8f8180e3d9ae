"""The hash chain of the audit trail: what a record's hash is made of. docs/audit.md has the same for third parties.

Canonical form 3, all numbers big-endian:

    "RGA3" | previous hash, 32 bytes | sequence, u64 | time, i64 | size in bytes, i64 | 18 lengths, u32 each | 18 texts

Lengths count bytes of UTF-8, so that no two records share a form. The record's hash is SHA-256 of it. A form, once
used, never changes; another one gets another number. Form 2, "RGA2", lacks the last two texts, form 1, "RGA1", one
more.
"""

from collections.abc import Sequence
from hashlib import sha256
from operator import attrgetter
from struct import Struct
from typing import NamedTuple

from radgate_server.core.audit.fields import RECORD_FIELDS, YES, FieldKind, texts_of_form
from radgate_server.core.audit.record import AuditAction, AuditEntry, AuditOutcome

FIRST_WORDS = texts_of_form(1)
"""The texts of a record in form 1, in the order of the canonical form."""

WORDS = texts_of_form(3)
"""The texts of a record as it is written now, in form 3."""

START = bytes(32)
"""What stands in place of the previous hash in a tenant's first record."""

UNKNOWN_SIZE = -1

_KINDS = {field.name: field.kind for field in RECORD_FIELDS}
_SOURCES = {FieldKind.TEXT: "{}", FieldKind.CHOICE: "{}._value_"}
_words_of = attrgetter(*(_SOURCES[_KINDS[word]].format(word) for word in WORDS[:-1]))
_FLAG = {False: ("",), True: (YES,)}  # the last word, same_family_name

_FORMS = {
    len(words): (f"RGA{form}".encode(), Struct(f">4s32sQqq{len(words)}I").pack)
    for form, words in ((form, texts_of_form(form)) for form in (1, 2, 3))
}


def words_in_form(words: Sequence[str | None]) -> list[str]:
    """The texts of the newest form without a null. Whoever put nulls elsewhere gave the record a wrong hash."""
    null = next((at for at, word in enumerate(words) if word is None), len(words))
    return [word for word in words[: max(length for length in _FORMS if length <= null)] if word is not None]


class ChainHead(NamedTuple):
    """Where a tenant's chain ends: the number of its last record (0: none yet), that one's hash and time."""

    tenant_id: str
    sequence: int
    record_hash: bytes
    time_us: int = 0


class Content(NamedTuple):
    """A record without its place in a chain. `time_us` is in microseconds since 1970-01-01T00:00Z."""

    time_us: int
    size_bytes: int
    words: tuple[str, ...]

    @property
    def tenant_id(self) -> str:
        """Whose chain it belongs to."""
        return self.words[0]

    @property
    def kind(self) -> tuple[str, str]:
        """Action and outcome."""
        return self.words[4:6]  # type: ignore[return-value]


def content_of(entry: AuditEntry) -> Content:
    """Put the entry in the order of the canonical form.

    What no database takes and UTF-8 does not know is replaced, or one caller's odd header would fail the batch of all.
    """
    words: tuple[str, ...] = _words_of(entry) + _FLAG[entry.same_family_name]
    if not _is_storable("".join(words)):
        words = tuple(_storable(word) for word in words)
    size_bytes = UNKNOWN_SIZE if entry.size_bytes is None else entry.size_bytes
    return Content(round(entry.time.timestamp() * 1_000_000), size_bytes, words)


def canonical_form(previous: bytes, sequence: int, time_us: int, size_bytes: int, words: Sequence[str]) -> bytes:
    """The bytes that are hashed; `previous` is the hash of the tenant's record before, 32 bytes.

    The form is the one that has so many words.
    """
    form, pack = _FORMS[len(words)]
    texts = "".join(words)
    if texts.isascii():
        return pack(form, previous, sequence, time_us, size_bytes, *map(len, words)) + texts.encode()
    lengths = [len(word) if word.isascii() else len(word.encode()) for word in words]
    return pack(form, previous, sequence, time_us, size_bytes, *lengths) + texts.encode()


def record_hash(previous: bytes, sequence: int, time_us: int, size_bytes: int, words: Sequence[str]) -> bytes:
    """SHA-256 of the canonical form, 32 bytes."""
    return sha256(canonical_form(previous, sequence, time_us, size_bytes, words)).digest()


def genesis(tenant_id: str, time_us: int, records: int, digest: bytes) -> Content:
    """Begin a chain, in form 1, after `records` that an older version wrote without one.

    `digest` is the last hash of a chain over them alone, in which every sequence is 0.
    """
    named = {
        "tenant_id": tenant_id,
        "action": AuditAction.GENESIS.value,
        "outcome": AuditOutcome.GRANTED.value,
        "detail": f"{records} records before this chain, sha256 {digest.hex()}",
    }
    return Content(time_us, UNKNOWN_SIZE, tuple(named.get(word, "") for word in FIRST_WORDS))


def _is_storable(text: str) -> bool:
    try:
        return "\0" not in text and (text.isascii() or bool(text.encode()))
    except UnicodeEncodeError:
        return False


def _storable(word: str) -> str:
    return word.encode("utf-8", "replace").decode("utf-8").replace("\0", "?")
