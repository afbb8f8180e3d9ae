"""Following chains: what is whole, and what is found where it is not."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from radgate_server.core.audit.chain import START, ChainHead, content_of, genesis, record_hash
from radgate_server.core.audit.checkpoint import Checkpoint, follow, from_line, is_due, to_line
from radgate_server.core.audit.checkpoint_verification import verify_checkpoints, verify_links, verify_lost
from radgate_server.core.audit.verification import ChainVerifier, Fault, StoredRecord
from tests.conformance.database_suites import audit_entry

type Change = Callable[[list[StoredRecord]], list[StoredRecord]]

CHANGED = "the record was changed: its hash is not that of its content"
UNCHAINED = "records from before the chain were changed, added or taken out"
REWRITTEN = "the records up to this one were rewritten: a checkpoint has another hash"


def chain(count: int, tenant_id: str = "a", detail: str = "") -> list[StoredRecord]:
    """A whole chain of a tenant."""
    rows, previous = [], START
    for sequence in range(1, count + 1):
        time_us, size_bytes, words = content_of(audit_entry(sequence)._replace(tenant_id=tenant_id, detail=detail))
        previous = record_hash(previous, sequence, time_us, size_bytes, words)
        rows.append(StoredRecord(sequence, sequence, previous, time_us, size_bytes, words))
    return rows


def head(rows: Sequence[StoredRecord]) -> ChainHead:
    last = rows[-1]
    assert last.record_hash
    return ChainHead(last.words[0], last.sequence, last.record_hash, last.time_us)


def checkpoint(rows: Sequence[StoredRecord], last: Checkpoint | None = None) -> Checkpoint:
    """Signed as the tests' `check` believes."""
    draft = follow(head(rows), last, 1_000_000, "key")
    return replace(draft, signature=b"signed " + draft.signed_form)


def check(key_id: str, message: bytes, signature: bytes) -> bool | None:
    return signature == b"signed " + message if key_id == "key" else None


def faults(
    rows: Sequence[StoredRecord], *heads: ChainHead, checkpoints: Sequence[Checkpoint] = (), whole: bool = True
) -> tuple[Fault, ...]:
    verifier = ChainVerifier(check, checkpoints, whole=whole)
    verifier.take(rows[:3])
    verifier.take(rows[3:])
    return verifier.finish(heads)


def changed(row: StoredRecord) -> StoredRecord:
    return row._replace(words=(*row.words[:-1], "nothing"))


def test_whole_chains_have_no_fault() -> None:
    a, b = chain(5), chain(4, "b")
    mixed = [*a[:2], *b[:1], *a[2:], *b[1:]]
    assert faults(mixed, head(a), head(b), checkpoints=[checkpoint(a[:3]), checkpoint(a), checkpoint(b)]) == ()


@pytest.mark.parametrize(
    ("change", "sequence", "what"),
    [
        (lambda rows: [*rows[:2], changed(rows[2]), *rows[3:]], 3, CHANGED),
        (lambda rows: [*rows[:2], rows[2]._replace(record_hash=START), *rows[3:]], 3, CHANGED),
        (lambda rows: [*rows[:2], rows[2]._replace(time_us=0), *rows[3:]], 3, CHANGED),
        (lambda rows: [*rows[:2], *rows[3:]], 3, "the record is missing or out of order: record 4 stands in its place"),
        (lambda rows: rows[1:], 1, "the record is missing or out of order: record 2 stands in its place"),
        (
            lambda rows: [*rows[:2], rows[3], rows[2], *rows[4:]],
            3,
            "the record is missing or out of order: record 4 stands in its place",
        ),
        (
            lambda rows: [*rows[:3], rows[2], *rows[3:]],
            4,
            "the record is missing or out of order: record 3 stands in its place",
        ),
        (
            lambda rows: [*rows[:3], rows[3]._replace(record_hash=None), *rows[4:]],
            4,
            "a record without a place in the chain stands in its place",
        ),
        (
            lambda rows: [*rows[:3], rows[3]._replace(sequence=0), *rows[4:]],
            4,
            "a record without a place in the chain stands in its place",
        ),
        (lambda rows: rows[:4], 5, "the record is missing, and all after it up to 6"),
        (lambda rows: [], 1, "the record is missing, and all after it up to 6"),
    ],
)
def test_the_first_broken_record_is_named(change: Change, sequence: int, what: str) -> None:
    rows = chain(6)
    assert faults(change(rows), head(rows)) == (Fault("a", sequence, what),)


def test_a_rewritten_chain_is_found_by_a_checkpoint() -> None:
    original, other = chain(6), chain(6, detail="invented")
    assert faults(other, head(other)) == ()
    assert faults(other, head(other), checkpoints=[checkpoint(original[:4])]) == (Fault("a", 4, REWRITTEN),)


def test_a_chain_that_was_cut_together_with_its_head_is_found_by_a_checkpoint() -> None:
    rows = chain(6)
    what = "the record is missing, and all after it up to 5, as a checkpoint of 1970-01-01T00:00:01.000000Z says"
    assert faults(rows[:3], head(rows[:3]), checkpoints=[checkpoint(rows[:5])]) == (Fault("a", 4, what),)
    assert faults([], checkpoints=[checkpoint(rows[:5])])[0].sequence == 1


def test_the_first_record_vouches_for_those_before_the_chain() -> None:
    old = [row._replace(sequence=0, record_hash=None) for row in chain(3)]
    digest = START
    for row in old:
        digest = record_hash(digest, 0, row.time_us, row.size_bytes, row.words)
    first = genesis("a", 5, 3, digest)
    row = StoredRecord(4, 1, record_hash(START, 1, *first), *first)
    assert faults([*old, row], head([row])) == ()
    for tampered in (old[1:], [changed(old[0]), *old[1:]], [*old, old[0]], [old[1], old[0], old[2]]):
        assert faults([*tampered, row], head([row])) == (Fault("a", 1, UNCHAINED),)
    assert faults([old[0], *chain(2)], head(chain(2))) == (Fault("a", 1, UNCHAINED),)


def test_a_window_begins_anywhere_and_is_followed_from_there() -> None:
    rows = chain(8)
    assert faults(rows[3:], head(rows), head(chain(2, "elsewhere")), whole=False) == ()
    assert faults([*rows[3:5], changed(rows[5])], head(rows), whole=False) == (Fault("a", 6, CHANGED),)
    assert faults(rows[3:7], head(rows), whole=False)[0].sequence == 8


def test_checkpoints_are_signed_linked_and_still_there() -> None:
    rows = chain(6)
    first = checkpoint(rows[:2])
    second = checkpoint(rows[:4], first)
    third = checkpoint(rows, second)
    assert verify_checkpoints([first, second, third], check) == ()
    assert verify_links([first, second, third]) == ()
    assert verify_lost([first, second], [first]) == ()
    forged, stranger = replace(second, sequence=5), replace(second, key_id="other")
    assert "is not good" in verify_checkpoints([first, forged], check)[0].what
    assert "unknown key (other)" in verify_checkpoints([stranger], check)[0].what
    assert [fault.sequence for fault in verify_links([first, third])] == [6]
    assert [fault.sequence for fault in verify_links([second, third])] == [4]
    assert [fault.sequence for fault in verify_lost([first, third], [first, second])] == [4]


def test_a_checkpoint_comes_back_from_its_line() -> None:
    made = checkpoint(chain(3), checkpoint(chain(2)))
    assert from_line(to_line(made)) == made


@pytest.mark.parametrize("line", ["", "[]", "{}", '{"version": 2}', '{"version": 1, "tenant": "a"}', "null"])
def test_what_is_no_checkpoint_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        from_line(line)


def test_a_hash_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="length"):
        from_line(to_line(checkpoint(chain(1))).replace('"previous": "00', '"previous": "'))


@pytest.mark.parametrize(
    ("records", "seconds", "due"), [(0, 9999, False), (1, 9, False), (1, 10, True), (4, 0, False), (5, 0, True)]
)
def test_checkpoints_are_due_by_records_and_by_time(records: int, seconds: int, due: bool) -> None:
    last = checkpoint(chain(3))
    now_us = last.time_us + seconds * 1_000_000
    assert is_due(ChainHead("a", 3 + records, START), last, now_us, records=5, seconds=10) is due


def test_the_first_record_is_vouched_for_at_once() -> None:
    assert is_due(ChainHead("a", 1, START), None, 0, records=5, seconds=10)
    assert not is_due(ChainHead("a", 0, START), None, 0, records=5, seconds=10)
