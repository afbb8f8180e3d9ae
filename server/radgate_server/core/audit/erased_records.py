"""Erased records of the audit trail: what stays of them, and the signed statement that makes it lawful.

The body of a record is hashed together with the hash before it, so that nobody can recompute the hash once the body is
gone. What stays is a tombstone: place, hash, time, action and outcome. That hash is believed where a statement vouches
for it: a record further on in the same chain, signed, with a digest over the tombstones.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from struct import Struct
from typing import Any, NamedTuple

from radgate_server.core.audit.checkpoint import Check

_FORM = b"RGE1"
_TOMBSTONE = Struct(">Qq32sII")
_FIXED = Struct(">4s32sQIII")
_PREFIX = "erased"


class Tombstone(NamedTuple):
    """What stays of an erased record."""

    sequence: int
    time_us: int
    record_hash: bytes
    action: str
    outcome: str

    @property
    def digested(self) -> bytes:
        """Sequence, u64 | time, i64 | hash, 32 bytes | lengths of action and outcome, u32 each | action | outcome."""
        action, outcome = self.action.encode(), self.outcome.encode()
        fixed = _TOMBSTONE.pack(self.sequence, self.time_us, self.record_hash, len(action), len(outcome))
        return fixed + action + outcome


@dataclass(frozen=True, slots=True)
class Statement:
    """Says which records of the tenant were erased. `sequences` is like "5-6,9"; `digest` is over their tombstones."""

    tenant_id: str
    count: int
    sequences: str
    digest: bytes
    key_id: str
    signature: bytes = b""

    @property
    def signed_form(self) -> bytes:
        """What is signed, numbers big-endian.

        "RGE1" | digest | count, u64 | 3 lengths, u32 each | tenant | sequences | key id
        """
        texts = [text.encode() for text in (self.tenant_id, self.sequences, self.key_id)]
        return _FIXED.pack(_FORM, self.digest, self.count, *map(len, texts)) + b"".join(texts)

    @property
    def first(self) -> int:
        """The first record that was erased."""
        return int(self.sequences.partition(",")[0].partition("-")[0])

    def to_detail(self) -> str:
        """As it stands in its record."""
        parts = (_PREFIX, str(self.count), self.sequences, self.digest.hex(), self.key_id, self.signature.hex())
        return " ".join(parts)


def from_detail(tenant_id: str, detail: str) -> Statement:
    """Read what `to_detail` wrote. Raises ValueError when it is something else."""
    prefix, count, sequences, digest, key_id, signature = detail.split(" ")
    statement = Statement(tenant_id, int(count), sequences, bytes.fromhex(digest), key_id, bytes.fromhex(signature))
    if prefix != _PREFIX or len(statement.digest) != sha256().digest_size or statement.first < 1:
        raise ValueError("no statement")
    return statement


def state(tenant_id: str, tombstones: Sequence[Tombstone], key_id: str) -> Statement:
    """The statement of these tombstones (one at least, in order), still to be signed."""
    digest = sha256(b"".join(tombstone.digested for tombstone in tombstones)).digest()
    ranges = _ranges(tombstone.sequence for tombstone in tombstones)
    return Statement(tenant_id, len(tombstones), ranges, digest, key_id)


def _ranges(sequences: Iterable[int]) -> str:
    """Numbers in order, such as "5-6,9"."""
    runs: list[list[int]] = []
    for sequence in sequences:
        if runs and runs[-1][1] == sequence - 1:
            runs[-1][1] = sequence
        else:
            runs.append([sequence, sequence])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


@dataclass(slots=True)
class _Claim:
    """The tombstones that name one statement, as far as they were seen."""

    first: int
    count: int = 0
    digest: Any = field(default_factory=sha256)


class ErasureCheck:
    """Finds tombstones of one tenant that no statement vouches for. A statement comes after all of its tombstones."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._claims: dict[int, _Claim] = {}
        self.erased = 0
        """Tombstones that a statement vouches for."""

    def take(self, tombstone: Tombstone, erased_by: int) -> None:
        """See the next tombstone, which names its statement."""
        claim = self._claims.setdefault(erased_by, _Claim(tombstone.sequence))
        claim.count += 1
        claim.digest.update(tombstone.digested)

    @property
    def pending(self) -> bool:
        """Whether tombstones were seen whose statement was not."""
        return bool(self._claims)

    def judge(self, sequence: int, tenant_id: str, detail: str, *, seen_from: int) -> tuple[int, str] | None:
        """Compare the statement at `sequence` with the tombstones that name it; where it is wrong and how, or None.

        What it says of records before `seen_from` is believed: they were not looked at, or not since they were erased.
        """
        claim = self._claims.pop(sequence, None)
        try:
            statement = from_detail(tenant_id, detail)
        except ValueError:
            return sequence, "the record should say which records were erased, and does not"
        if (good := self._check(statement.key_id, statement.signed_form, statement.signature)) is not True:
            what = "is not good" if good is False else f"is by an unknown key ({statement.key_id})"
            return sequence, f"the signature of a statement about erased records {what}"
        found = (claim.count, claim.digest.digest()) if claim else (0, b"")
        if statement.first >= seen_from and found != (statement.count, statement.digest):
            return claim.first if claim else statement.first, "erased records are not those that the statement names"
        self.erased += found[0]
        return None

    def finish(self) -> tuple[int, str] | None:
        """The first tombstone that names a record which is no statement, and how that is wrong; or None."""
        if not self._claims:
            return None
        first = min(claim.first for claim in self._claims.values())
        return first, "the record was erased, and no statement in the chain says so"
