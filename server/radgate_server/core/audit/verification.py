"""Whether a chain of the audit trail is whole: pure, over records as they come from the database."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from radgate_server.core.audit.chain import FIRST_WORDS, START, UNKNOWN_SIZE, ChainHead, genesis, record_hash
from radgate_server.core.audit.checkpoint import Check, Checkpoint, time_text
from radgate_server.core.audit.erased_records import ErasureCheck, Tombstone
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.audit.retention import kind_of

_STATEMENT = AuditAction.ERASE_RECORDS.value


class StoredRecord(NamedTuple):
    """A row of the trail. `sequence` is 0 and `record_hash` None for what was written before there was a chain.

    `words` are WORDS, or FIRST_WORDS of a record in form 1. Of a record that was erased only tenant, action and outcome
    are left; `erased_by` is the sequence of the statement that says so (core/audit/erased_records.py).
    """

    number: int
    sequence: int
    record_hash: bytes | None
    time_us: int
    size_bytes: int
    words: tuple[str, ...]
    erased_by: int | None = None

    @property
    def is_blank(self) -> bool:
        """Whether it says no more than a tombstone may."""
        return self.size_bytes == UNKNOWN_SIZE and not any((*self.words[1:4], *self.words[6:]))

    @property
    def tombstone(self) -> Tombstone:
        """What stays of it once it is erased. It has a place in a chain."""
        return Tombstone(self.sequence, self.time_us, self.record_hash or START, self.words[4], self.words[5])


class Fault(NamedTuple):
    """The first record of a tenant at which its chain is broken, and how."""

    tenant_id: str
    sequence: int
    what: str


@dataclass(slots=True)
class _Chain:
    """How far a tenant's chain has been followed.

    `anchors` are hashes that checkpoints vouch for, by sequence. `expected` is None where the first record is believed.
    `unchained` counts the records from before the chain, `unchained_digest` is the last hash of a chain over them. What
    statements say of erased records before `seen_from` is believed.
    """

    tenant_id: str
    anchors: Mapping[int, bytes]
    erasures: ErasureCheck
    expected: int | None
    previous: bytes = START
    last_seen: int = 0
    unchained: int = 0
    unchained_digest: bytes = START
    seen_from: int = 1
    fault: Fault | None = None

    def follow(self, row: StoredRecord) -> str:
        """Go on to the next record; "" when it belongs there, else what is wrong."""
        _, sequence, stored, time_us, size_bytes, words, erased_by = row
        if stored is None or (sequence != self.expected and self.expected is not None):
            return self._out_of_place(row)
        if self.expected is None:
            self.seen_from = sequence
        elif erased_by is None and stored != record_hash(self.previous, sequence, time_us, size_bytes, words):
            return "the record was changed: its hash is not that of its content"
        elif sequence == 1 and not self._begins_well(row):
            return "records from before the chain were changed, added or taken out"
        if self.anchors.get(sequence, stored) != stored:
            return "the records up to this one were rewritten: a checkpoint has another hash"
        self.previous, self.last_seen, self.expected = stored, sequence, sequence + 1
        if erased_by is not None or words[4] == _STATEMENT:
            self._follow_erasure(row)
        return ""

    def finish(self) -> None:
        """See that a statement vouches for every record that was erased; of a broken chain not all have been seen."""
        if self.fault is None and (wrong := self.erasures.finish()):
            self._add_fault(*wrong)

    def end_at(self, sequence: int, witness: str = "") -> None:
        """See that the chain goes up to `sequence` at least."""
        if self.fault is None and self.last_seen < sequence:
            what = f"the record is missing, and all after it up to {sequence}{witness}"
            self.fault = Fault(self.tenant_id, self.last_seen + 1, what)

    def _follow_erasure(self, row: StoredRecord) -> None:
        if row.erased_by is None:
            detail = row.words[len(FIRST_WORDS) - 1]
            if wrong := self.erasures.judge(row.sequence, self.tenant_id, detail, seen_from=self.seen_from):
                self._add_fault(*wrong)
        elif kind_of(row.words[4]) is None:
            self._add_fault(row.sequence, "the record was erased, and is of a kind that never is")
        elif not row.is_blank:
            self._add_fault(row.sequence, "the record was erased, and yet says something")
        else:
            self.erasures.take(row.tombstone, row.erased_by)

    def _add_fault(self, sequence: int, what: str) -> None:
        """What was erased may come before what was found first."""
        if self.fault is None or sequence < self.fault.sequence:
            self.fault = Fault(self.tenant_id, sequence, what)

    def _out_of_place(self, row: StoredRecord) -> str:
        if row.sequence == 0 and self.last_seen == 0:
            self.unchained += 1
            self.unchained_digest = record_hash(self.unchained_digest, 0, row.time_us, row.size_bytes, row.words)
            return ""
        if row.sequence == 0 or row.record_hash is None:
            return "a record without a place in the chain stands in its place"
        return f"the record is missing or out of order: record {row.sequence} stands in its place"

    def _begins_well(self, row: StoredRecord) -> bool:
        """Whether the first record vouches for exactly the records from before the chain."""
        if row.words[4] != AuditAction.GENESIS:
            return self.unchained == 0
        return row.words == genesis(self.tenant_id, row.time_us, self.unchained, self.unchained_digest).words


class ChainVerifier:
    """Follows the chains of all tenants at once, with their records in the order in which they were written.

    `whole` says that the records begin with the first one; else the first of each tenant is believed, and only what
    follows is checked. `check` knows the signatures of statements about erased records.
    """

    def __init__(self, check: Check, checkpoints: Sequence[Checkpoint] = (), *, whole: bool = True) -> None:
        self.records = 0
        self._check = check
        self._checkpoints = checkpoints
        self._whole = whole
        self._chains: dict[str, _Chain] = {}

    def take(self, rows: Sequence[StoredRecord]) -> None:
        """Check some more records."""
        self.records += len(rows)
        for row in rows:
            tenant_id = row[5][0]
            chain = self._chains.get(tenant_id) or self._begin(tenant_id)
            if chain.fault is None and (what := chain.follow(row)):
                chain.fault = Fault(tenant_id, chain.expected or row.sequence, what)

    @property
    def erased(self) -> int:
        """Records that were erased lawfully."""
        return sum(chain.erasures.erased for chain in self._chains.values())

    @property
    def pending(self) -> bool:
        """Whether the statement about an erased record is still to be seen."""
        return any(chain.erasures.pending for chain in self._chains.values())

    def believe_statements(self) -> None:
        """What comes now was written while records were read: they may have been erased before or after."""
        for chain in self._chains.values():
            chain.seen_from = sys.maxsize

    def finish(self, heads: Iterable[ChainHead]) -> tuple[Fault, ...]:
        """The first fault of each tenant. `heads` are those from before the records were read."""
        for chain in self._chains.values():
            chain.finish()
        for head in heads:
            if self._whole or head.tenant_id in self._chains:
                self._chain(head.tenant_id).end_at(head.sequence)
        for checkpoint in self._checkpoints:
            witness = f", as a checkpoint of {time_text(checkpoint.time_us)} says"
            self._chain(checkpoint.tenant_id).end_at(checkpoint.sequence, witness)
        return tuple(chain.fault for _, chain in sorted(self._chains.items()) if chain.fault is not None)

    def _chain(self, tenant_id: str) -> _Chain:
        return self._chains.get(tenant_id) or self._begin(tenant_id)

    def _begin(self, tenant_id: str) -> _Chain:
        anchors = {found.sequence: found.record_hash for found in self._checkpoints if found.tenant_id == tenant_id}
        chain = self._chains[tenant_id] = _Chain(
            tenant_id, anchors, ErasureCheck(self._check), 1 if self._whole else None
        )
        return chain
