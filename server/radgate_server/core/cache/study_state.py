"""What PACS say of a study as a whole, in a form that two answers can be compared by: pure decisions.

Values are kept as digests: a state holds no patient data, and stays small.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from hashlib import blake2b

from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.query.model import MatchingKey, Query
from radgate_server.core.query.return_attributes import UNIQUE_KEYS

IDENTITY = (
    "00100020",  # Patient ID
    "00100021",  # Issuer of Patient ID
    "00100010",  # Patient's Name
    "00100030",  # Patient's Birth Date
    "00100040",  # Patient's Sex
    "00080050",  # Accession Number
    "00080020",  # Study Date
    "00080030",  # Study Time
)
"""Attributes of the patient and the study, of which each is the same in all answers while nobody corrects it."""

SERIES_COUNT, INSTANCE_COUNT = "00201206", "00201208"
"""Number of Study Related Series, and of Study Related Instances."""

_COUNTS = (SERIES_COUNT, INSTANCE_COUNT)
_STUDY_INSTANCE_UID = UNIQUE_KEYS[QueryLevel.STUDY]
_DIGEST_BYTES = 8


@dataclass(frozen=True, slots=True)
class PacsState:
    """One PACS's answer: digests by tag of what has a value, counts, the version that some PACS keep of a study.

    `member` is the PACS of a failover group that answered. `present` is False when it has no such study. `listed` is a
    digest of the SOP Instance UIDs, where the PACS does not count them. `mixed` says that instances may have come from
    another member of the group, that nobody compared with it or that holds the study otherwise.
    """

    member: str
    present: bool
    identity: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    version: str = ""
    listed: str = ""
    mixed: bool = False


type StudyState = Mapping[str, PacsState | None]
"""By the name of the PACS, or of a group's primary; None for one that did not answer."""


class Verdict(Enum):
    """How an answer compares with the one that was recorded before anything was fetched."""

    SAME = "same"
    GROWN = "instances were added and nothing else changed"
    CHANGED = "changed"
    IN_DOUBT = "it can't be determined"


_SEVERITY = (Verdict.SAME, Verdict.GROWN, Verdict.IN_DOUBT, Verdict.CHANGED)


def state_query(study_instance_uid: str) -> Query:
    """The study-level query whose answer `pacs_state` reads (PS3.4 C.3.4)."""
    key = MatchingKey((_STUDY_INSTANCE_UID,), study_instance_uid)
    include = tuple((tag,) for tag in (*IDENTITY, *_COUNTS))
    return Query(QueryLevel.STUDY, (key,), include, only_included=True, listing=True, with_version=True)


def pacs_state(member: str, matches: Iterable[DicomJson], version: str) -> PacsState:
    """The state as a PACS reports it; of several matches (a study under two patients) all count."""
    identity: dict[str, list[str]] = {}
    counts: dict[str, int] = {}
    present = False
    for match in matches:
        present = True
        for tag, digest in _digests(match).items():
            identity.setdefault(tag, []).append(digest)
        for tag in _COUNTS:
            if (count := _count(match, tag)) is not None:
                counts[tag] = counts.get(tag, 0) + count
    joined = {tag: ",".join(sorted(set(digests))) for tag, digests in identity.items()}
    return PacsState(member, present, joined, counts, version)


def uids_digest(sop_instance_uids: Iterable[str]) -> str:
    """What distinguishes one set of instances from another."""
    return _digest(sorted(sop_instance_uids))


def compare(recorded: StudyState, answered: StudyState) -> Verdict:
    """Compare all that PACS say with what they said when the record was made.

    A PACS that is configured no more, or begins to answer, may be where cached bytes come from that nobody vouches for.
    """
    verdicts = [_compare_one(recorded, name, state) for name, state in answered.items()]
    if any(state is not None and state.present for name, state in recorded.items() if name not in answered):
        return Verdict.CHANGED
    return max(verdicts, key=_SEVERITY.index, default=Verdict.SAME)


def updated(recorded: StudyState, answered: StudyState) -> StudyState:
    """The record after an answer that did not contradict it: whoever did not answer said what it said before."""
    return {name: state or recorded.get(name) for name, state in answered.items()}


def mixed_by(recorded: StudyState, senders: Mapping[str, str]) -> StudyState:
    """The record after other members of groups, by the names of the groups' primaries, sent instances."""
    others = other_members(recorded, senders)
    return {name: replace(state, mixed=True) if state and name in others else state for name, state in recorded.items()}


def other_members(recorded: StudyState, answering: Mapping[str, str]) -> Collection[str]:
    """The groups in whose name another member answers than the one that the record is of."""
    known = ((name, recorded.get(name), member) for name, member in answering.items())
    return {name for name, state, member in known if state is not None and state.present and state.member != member}


def backup_differs(recorded: StudyState, answered: StudyState) -> bool:
    """Whether a backup answers that can't confirm what the record is of."""
    members = {name: state.member for name, state in answered.items() if state is not None}
    return any(
        _compare_one(recorded, name, answered[name]) is Verdict.IN_DOUBT for name in other_members(recorded, members)
    )


def is_contradicted(state: PacsState, match: DicomJson, *, of_study: bool) -> bool:
    """Whether a match of some query contradicts the state. What either of them has no value for says nothing."""
    digests = _digests(match)
    if any(state.identity.get(tag, digest) != digest for tag, digest in digests.items()):
        return True
    counts = ((tag, _count(match, tag)) for tag in _COUNTS) if of_study else ()
    return any(count is not None and state.counts.get(tag, count) != count for tag, count in counts)


def _compare_one(recorded: StudyState, name: str, new: PacsState | None) -> Verdict:
    old = recorded.get(name)
    if new is None:
        return Verdict.IN_DOUBT if old is not None and old.present else Verdict.SAME
    if name not in recorded:
        return Verdict.SAME  # it was added since, and asked before anything was fetched from it
    if old is None:
        return Verdict.CHANGED if new.present else Verdict.SAME
    if new.member not in (name, old.member):
        # A backup: it may lag behind, and vouches for nothing that it did not send. Its versions are its own.
        agrees = _compare_states(old, replace(new, version="")) is Verdict.SAME
        return Verdict.SAME if agrees else Verdict.IN_DOUBT
    return Verdict.CHANGED if old.mixed else _compare_states(old, new)


def _compare_states(old: PacsState, new: PacsState) -> Verdict:
    if (old.present, old.identity) != (new.present, new.identity):
        return Verdict.CHANGED
    versions_differ = old.version != new.version and bool(old.version and new.version)
    if versions_differ or old.listed != new.listed:
        return Verdict.CHANGED
    if old.counts == new.counts:
        return Verdict.SAME
    if new.version or old.counts.keys() != new.counts.keys():
        return Verdict.CHANGED
    grown = all(new.counts[tag] >= count for tag, count in old.counts.items())
    return Verdict.GROWN if grown else Verdict.CHANGED


def _digests(match: DicomJson) -> dict[str, str]:
    values = ((tag, match.get(tag, {}).get("Value")) for tag in IDENTITY)
    return {tag: _digest(value) for tag, value in values if value and value != [None]}


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True)
    return blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()


def _count(match: DicomJson, tag: str) -> int | None:
    values = match.get(tag, {}).get("Value") or ("",)
    try:
        return int(values[0])
    except (TypeError, ValueError):
        return None


def encode_state(state: StudyState) -> bytes:
    """The state in a form that is kept beside what was fetched."""
    return json.dumps({name: one and _fields(one) for name, one in state.items()}).encode()


def decode_state(data: bytes) -> StudyState | None:
    """Read what `encode_state` made; None when it is of another form."""
    try:
        return {name: one and PacsState(**one) for name, one in json.loads(data).items()}
    except (AttributeError, TypeError, ValueError):
        return None


def state_digest(state: StudyState) -> bytes:
    """What distinguishes one state from another, the same at each server that recorded the same: 16 bytes."""
    text = json.dumps({name: one and _fields(one) for name, one in state.items()}, sort_keys=True)
    return blake2b(text.encode(), digest_size=16).digest()


def is_mixed(state: StudyState) -> bool:
    """Whether instances may have come from a member of a failover group that the state is not of."""
    return any(one is not None and one.mixed for one in state.values())


def _fields(state: PacsState) -> dict[str, object]:
    return {name: getattr(state, name) for name in PacsState.__slots__}
