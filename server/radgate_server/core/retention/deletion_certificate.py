"""Certificates of deletion: what was erased of the cached data, signed. docs/retention.md shows how to check them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Any

from radgate_server.core.audit.checkpoint import Check

KIND = "radgate-certificate-of-deletion"
VERSION = 1
_SIGNED_PREFIX = b"RGD1"
_SCOPE = (
    "Data of these studies that this installation of Radgate had cached. The PACS are not touched: what they hold of"
    " the studies, and records of the audit trail, are no part of it."
)


@dataclass(frozen=True, slots=True)
class ErasedFromTier:
    """What one tier held of the studies before: files, or entries in memory."""

    tier: str
    entries: int
    bytes: int


@dataclass(frozen=True, slots=True)
class DeletionCertificate:
    """Times in ISO 8601. `key_hashes` are SHA-256 of the names of the keys that were erased, in hexadecimal digits.

    `audit_hash` is that of the record in the tenant's chain of the audit trail that ordered it, at `audit_sequence`.
    `encrypted` says whether files were encrypted, so that copies of them in backups are unreadable from now on.
    """

    certificate_id: str
    tenant: str
    subject: str
    value: str
    studies: tuple[str, ...]
    reason: str
    ordered_by: str
    ordered_time: str
    finished_time: str
    encrypted: bool
    key_hashes: tuple[str, ...]
    tiers: tuple[ErasedFromTier, ...]
    audit_sequence: int
    audit_hash: str
    key: str
    signature: str = ""

    @property
    def signed_form(self) -> bytes:
        """What is signed: "RGD1" and the document without its signature, as JSON with sorted keys and no spaces."""
        document = self.to_document()
        del document["signature"]
        return _SIGNED_PREFIX + json.dumps(document, sort_keys=True, separators=(",", ":")).encode()

    def signed(self, signature: bytes) -> "DeletionCertificate":
        """With this signature of `signed_form`."""
        return replace(self, signature=signature.hex())

    def to_document(self) -> dict[str, Any]:
        """As JSON."""
        return {"kind": KIND, "version": VERSION, "scope": _SCOPE, **asdict(self)}

    def to_text(self) -> str:
        """As it is handed out."""
        return json.dumps(self.to_document(), indent=2, ensure_ascii=False) + "\n"


def from_text(text: str) -> DeletionCertificate:
    """Read what `to_text` wrote. Raises ValueError when it is something else, or says more than such a one does."""
    try:
        document = json.loads(text)
        if {name: document.pop(name) for name in ("kind", "version", "scope")} != _HEAD:
            raise ValueError("no certificate of deletion, or one of another version")
        tiers = tuple(ErasedFromTier(**tier) for tier in document.pop("tiers"))
        studies, key_hashes = tuple(document.pop("studies")), tuple(document.pop("key_hashes"))
        return DeletionCertificate(**document, studies=studies, key_hashes=key_hashes, tiers=tiers)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("no certificate of deletion") from error


_HEAD: Mapping[str, Any] = {"kind": KIND, "version": VERSION, "scope": _SCOPE}


def is_genuine(certificate: DeletionCertificate, check: Check) -> bool | None:
    """Whether its signature is good; None when its key is unknown."""
    try:
        signature = bytes.fromhex(certificate.signature)
    except (ValueError, TypeError):
        return False
    return check(certificate.key, certificate.signed_form, signature)


def hashed_names(key_ids: Sequence[str]) -> tuple[str, ...]:
    """SHA-256 of each key's name, in order."""
    return tuple(sorted(sha256(key_id.encode()).hexdigest() for key_id in key_ids))
