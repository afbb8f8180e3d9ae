"""What is searched for in the audit trail, and the terms by which records are found again: pure.

The index (docs/audit-reports.md) knows of each term in which blocks of BLOCK numbers it occurs, so that it leads to
blocks that may hold what is searched for; whether a record does is seen from the record itself. A term that stands for
too much therefore costs time, never truth.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from radgate_server.core.audit.chain import UNKNOWN_SIZE, WORDS
from radgate_server.core.audit.studies_shown import SEPARATOR, pairs_in
from radgate_server.core.audit.verification import StoredRecord

BLOCK = 256
"""Numbers of one block: so many rows are read at once, and so many records of one user and study are one entry."""

TERM_LENGTH = 128
"""Characters of a term's value. A caller's odd header may be longer than what databases take in an index."""

BREAK_GLASS_TERM = "break-glass: "
"""The term of records of an access by break-glass; `detail` has it before the reason in canonical forms 1 and 2."""

_SAME_NAME_MARK = "same name"
"""What `detail` has in canonical forms 1 and 2, before break-glass, in place of the field `same_family_name`."""

TERM_KINDS: dict[str, tuple[str, ...]] = {
    # First letter of the term: the fields whose value follows it. Instances have none: that would be an entry for each
    # record, ten times what all others are together. Within their study they are found soon enough.
    "u": ("key_id", "principal"),
    "p": ("patient_id",),
    "d": ("study_instance_uid",),
    "s": ("series_instance_uid",),
    "a": ("action",),
    "o": ("outcome",),
}

LISTED_KINDS = frozenset(("p", "d"))
"""Of these a record may have several, in one field (core/audit/studies_shown.py): each has a term."""

EVERYTHING = "*"
"""The term of all records."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class AuditRecord(NamedTuple):
    """One record as it is read. What it said is "" once `removed`: its body went under retention, its place remains."""

    number: int
    sequence: int
    time: datetime
    principal: str
    key_id: str
    role: str
    action: str
    outcome: str
    patient_id: str
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    pacs: str
    size_bytes: int | None
    address: str
    user_agent: str
    request_id: str
    detail: str
    trace_id: str
    break_glass: str
    same_family_name: bool
    record_hash: bytes | None
    removed: bool = False

    @property
    def user(self) -> str:
        """Who, as people say it: the name, else the id."""
        return self.principal or self.key_id


class IndexPosition(NamedTuple):
    """How far a tenant's chain is indexed: the last record, by its number and place, and the place of the newest.

    `problem` says how the index disagrees with the chain, as far as that was looked at; "" when it does not.
    """

    number: int
    sequence: int
    newest: int
    problem: str = ""

    @property
    def is_behind(self) -> bool:
        """Whether there are records that the index does not know."""
        return self.sequence < self.newest


class IndexFault(NamedTuple):
    """Where a tenant's index is not what its records give.

    `first` and `last` are sequences, `blocks` the blocks of numbers that differ. `lost` entries are missing or have
    another time than they should; of `strange` ones no record is known.
    """

    tenant_id: str
    first: int
    last: int
    blocks: range
    lost: int
    strange: int

    @property
    def what(self) -> str:
        """What is wrong, as a clause, without patient data."""
        wrong = [
            f"{count} {how}" for count, how in ((self.lost, "missing or wrong"), (self.strange, "invented")) if count
        ]
        return f"entries about records {self.first} to {self.last} are not what the records give: {', '.join(wrong)}"


def first_of_each_index(faults: Iterable[IndexFault]) -> tuple[IndexFault, ...]:
    """One fault of each tenant: from its first wrong block to its last."""
    merged: dict[str, IndexFault] = {}
    for fault in faults:
        known = merged.get(fault.tenant_id, fault)
        merged[fault.tenant_id] = IndexFault(
            fault.tenant_id,
            min(known.first, fault.first),
            max(known.last, fault.last),
            range(min(known.blocks.start, fault.blocks.start), max(known.blocks.stop, fault.blocks.stop)),
            fault.lost + (known.lost if known is not fault else 0),
            fault.strange + (known.strange if known is not fault else 0),
        )
    return tuple(fault for _, fault in sorted(merged.items()))


@dataclass(frozen=True, slots=True)
class AuditCriteria:
    """What a record must be to be found: all that is not empty must hold. Times are [since, until).

    With `studies_of_patient` a record of one of these studies that names no patient counts as one of `patient_id`.
    """

    user: str = ""
    patient_id: str = ""
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    sop_instance_uid: str = ""
    actions: tuple[str, ...] = ()
    outcome: str = ""
    since: datetime | None = None
    until: datetime | None = None
    break_glass: bool = False
    studies_of_patient: tuple[str, ...] = ()

    @property
    def terms(self) -> tuple[tuple[str, ...], ...]:
        """Of each group a block must have a term; the first one is there even if nothing is asked for."""
        groups = (
            _terms("u", self.user),
            (*_terms("p", self.patient_id), *_terms("d", *self.studies_of_patient)),
            _terms("d", self.study_instance_uid),
            _terms("s", self.series_instance_uid),
            _terms("a", *self.actions),
            _terms("o", self.outcome),
            (BREAK_GLASS_TERM,) if self.break_glass else (),
        )
        return tuple(group for group in groups if group) or ((EVERYTHING,),)


def narrowed(record: AuditRecord, criteria: AuditCriteria) -> AuditRecord | None:
    """The record without those of its list that were not searched for, who have no place in an answer about another.

    None when nothing of its list was. A record that is no list is as it is.
    """
    if SEPARATOR not in record.study_instance_uid or not (criteria.patient_id or criteria.study_instance_uid):
        return record
    pairs = [
        (study, patient)
        for study, patient in pairs_in(record.study_instance_uid, record.patient_id)
        if criteria.patient_id in ("", patient) and criteria.study_instance_uid in ("", study)
    ]
    studies = SEPARATOR.join(study for study, _ in pairs)
    patients = SEPARATOR.join(dict.fromkeys(patient for _, patient in pairs))
    return record._replace(study_instance_uid=studies, patient_id=patients) if pairs else None


def term_of(kind: str, value: str) -> str:
    """The term of a field's value."""
    return f"{kind}:{value[:TERM_LENGTH]}"


def record_of(row: StoredRecord) -> AuditRecord:
    """The record in a row of the trail."""
    words: dict[str, Any] = dict(zip(WORDS, row.words, strict=False))  # older records have fewer
    del words["tenant_id"]
    if "same_family_name" in words:
        words["same_family_name"] = bool(words["same_family_name"])
    else:
        words |= _marks_of_older(words["detail"])
    return AuditRecord(
        number=row.number,
        sequence=row.sequence,
        time=time_of(row.time_us),
        size_bytes=None if row.size_bytes == UNKNOWN_SIZE else row.size_bytes,
        record_hash=row.record_hash,
        trace_id=words.pop("trace_id", ""),
        removed=row.erased_by is not None,
        **words,
    )


def _marks_of_older(detail: str) -> dict[str, Any]:
    """The fields that canonical form 3 added, out of the detail of a record in an older one."""
    said, _, reason = detail.partition(BREAK_GLASS_TERM)
    return {"break_glass": reason, "same_family_name": _SAME_NAME_MARK in said.split("; ")}


def time_of(time_us: int) -> datetime:
    """The time in UTC of so many microseconds since 1970-01-01T00:00Z."""
    return _EPOCH + timedelta(microseconds=time_us)


def time_us_of(time: datetime) -> int:
    """Microseconds since 1970-01-01T00:00Z."""
    return (time - _EPOCH) // timedelta(microseconds=1)


def _terms(kind: str, *values: str) -> tuple[str, ...]:
    return tuple(term_of(kind, value) for value in values if value)
