"""Signed checkpoints: what a third party keeps, so that a chain can't be rewritten unnoticed."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from struct import Struct

from radgate_server.core.audit.chain import START, ChainHead

_FORM = b"RGC1"
_FIXED = Struct(">4s32s32sQqII")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

type Check = Callable[[str, bytes, bytes], bool | None]
"""(key id, message, signature): whether the signature is good, None when the key is not known."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """At `time_us` (microseconds since 1970, UTC) the tenant's record `sequence` had `record_hash`, says the key.

    `previous_hash` is the hash of the tenant's checkpoint before, 32 zeros for the first. `signature` is Ed25519 over
    `signed_form`.
    """

    tenant_id: str
    sequence: int
    record_hash: bytes
    time_us: int
    previous_hash: bytes
    key_id: str
    signature: bytes = b""

    @property
    def signed_form(self) -> bytes:
        """What is signed, numbers big-endian.

        "RGC1" | record hash | previous hash | sequence, u64 | time, i64 | 2 lengths, u32 each | tenant | key id
        """
        tenant, key = self.tenant_id.encode(), self.key_id.encode()
        fixed = _FIXED.pack(
            _FORM, self.record_hash, self.previous_hash, self.sequence, self.time_us, len(tenant), len(key)
        )
        return fixed + tenant + key

    @property
    def own_hash(self) -> bytes:
        """SHA-256 of the signed form and the signature: what the next checkpoint names."""
        return sha256(self.signed_form + self.signature).digest()


def follow(head: ChainHead, last: Checkpoint | None, time_us: int, key_id: str) -> Checkpoint:
    """The checkpoint of the chain's head after `last`, still to be signed."""
    previous = last.own_hash if last else START
    return Checkpoint(head.tenant_id, head.sequence, head.record_hash, time_us, previous, key_id)


def is_due(head: ChainHead, last: Checkpoint | None, now_us: int, *, records: int, seconds: float) -> bool:
    """Whether so many records, or records and so much time, have come since the last checkpoint."""
    since = head.sequence - (last.sequence if last else 0)
    return since >= records or (since > 0 and (last is None or now_us - last.time_us >= seconds * 1_000_000))


def to_line(checkpoint: Checkpoint) -> str:
    """One line of JSON, for keeping elsewhere."""
    return json.dumps(
        {
            "version": 1,
            "tenant": checkpoint.tenant_id,
            "sequence": checkpoint.sequence,
            "hash": checkpoint.record_hash.hex(),
            "time": time_text(checkpoint.time_us),
            "previous": checkpoint.previous_hash.hex(),
            "key": checkpoint.key_id,
            "signature": checkpoint.signature.hex(),
        }
    )


def from_line(line: str) -> Checkpoint:
    """Read what `to_line` wrote. Raises ValueError when it is something else."""
    try:
        found = json.loads(line)
        if found["version"] != 1:
            raise ValueError("a checkpoint of another version")
        checkpoint = Checkpoint(
            str(found["tenant"]),
            int(found["sequence"]),
            bytes.fromhex(found["hash"]),
            (datetime.fromisoformat(found["time"]) - _EPOCH) // timedelta(microseconds=1),
            bytes.fromhex(found["previous"]),
            str(found["key"]),
            bytes.fromhex(found["signature"]),
        )
        if len(checkpoint.record_hash) != len(START) or len(checkpoint.previous_hash) != len(START):
            raise ValueError("a hash of another length")
    except (KeyError, TypeError) as error:
        raise ValueError("no checkpoint") from error
    return checkpoint


def time_text(time_us: int) -> str:
    """Microseconds since 1970 as ISO 8601 in UTC."""
    return (_EPOCH + timedelta(microseconds=time_us)).isoformat(timespec="microseconds").replace("+00:00", "Z")
