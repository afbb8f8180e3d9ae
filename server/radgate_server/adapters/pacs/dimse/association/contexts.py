"""Which presentation contexts to propose (PS3.8 7.1.1.13): pure decisions.

An acceptor takes exactly one transfer syntax of each context. So that a PACS can send every instance as it is stored,
each pair of SOP Class and transfer syntax gets a context of its own while there is room; at most 128 fit.
"""

from collections.abc import Collection

from radgate_server.adapters.pacs.dimse.association.opening import Proposal
from radgate_server.core.dicom.transfer_syntaxes import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    TRANSFER_SYNTAXES,
)
from radgate_server.core.pacs.connections import RetrieveMethod

VERIFICATION = "1.2.840.10008.1.1"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"
MODALITY_WORKLIST_FIND = "1.2.840.10008.5.1.4.31"
MAX_CONTEXTS = 128

_PLAIN = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)
_USUAL_FIRST = (
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.201",
    "1.2.840.10008.1.2.4.202",
    "1.2.840.10008.1.2.4.203",
)
ALL_SYNTAXES = tuple(dict.fromkeys((*_USUAL_FIRST, *TRANSFER_SYNTAXES)))
"""Every transfer syntax that we can keep, the usual ones first."""

_USUAL_STORAGE = tuple(
    f"1.2.840.10008.5.1.4.1.1.{number}"
    for number in (
        *("2", "4", "1", "1.1", "1.2", "1.3", "2.1", "4.1", "6.1", "3.1", "7", "12.1", "12.2", "20", "128", "481.1"),
        *("481.2", "481.3", "481.5", "481.8", "66", "66.1", "66.4", "67", "88.11", "88.22", "88.33", "88.59", "88.67"),
        *("11.1", "104.1", "104.2", "77.1.1", "77.1.2", "77.1.4", "77.1.5.1", "77.1.6", "7.1", "7.2", "7.3", "7.4"),
        *("9.1.1", "9.1.2", "13.1.3", "4.2", "4.3", "130", "128.1", "2.2", "12.1.1", "12.2.1", "6.2", "77.1.1.1"),
    )
)

_ULTRASOUND_MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.3.1"
_TYPICAL_STORAGE = (
    *(f"1.2.840.10008.5.1.4.1.1.{number}" for number in ("2", "7")),
    _ULTRASOUND_MULTI_FRAME,
    "1.2.840.10008.5.1.4.1.1.4",
)
"""CT, Secondary Capture, Ultrasound Multi-frame (which has video too), MR."""


def echo_proposals() -> tuple[Proposal, ...]:
    """For C-ECHO."""
    return (Proposal(VERIFICATION, _PLAIN),)


def query_proposals(method: RetrieveMethod) -> tuple[Proposal, ...]:
    """For C-FIND, and C-MOVE where that is how the PACS sends: then one pooled association serves both."""
    find = Proposal(STUDY_ROOT_FIND, _PLAIN)
    return (find, Proposal(STUDY_ROOT_MOVE, _PLAIN)) if method is RetrieveMethod.MOVE else (find,)


def worklist_proposals() -> tuple[Proposal, ...]:
    """For C-FIND of a modality worklist."""
    return (Proposal(MODALITY_WORKLIST_FIND, _PLAIN),)


def get_proposals(sop_class_uids: Collection[str]) -> tuple[Proposal, ...]:
    """For C-GET of instances of these SOP Classes, "" for one that the PACS does not state.

    More SOP Classes than contexts are cut off; what is of the others then comes as failed.
    """
    known = dict.fromkeys(uid for uid in sop_class_uids if uid)
    unknown = not known or "" in sop_class_uids
    classes = tuple(dict.fromkeys((*known, *(_USUAL_STORAGE if unknown else ()))))[: MAX_CONTEXTS - 1]
    each = (MAX_CONTEXTS - 1) // len(classes)
    storage = (Proposal(uid, group, as_scp=True) for uid in classes for group in syntax_groups(each))
    return (Proposal(STUDY_ROOT_GET, _PLAIN), *storage)


def store_proposals(sop_class_uid: str, transfer_syntax_uid: str) -> tuple[Proposal, ...]:
    """For C-STORE of one instance, which is never converted."""
    return (Proposal(sop_class_uid, (transfer_syntax_uid,)),)


def service_proposals() -> tuple[Proposal, ...]:
    """For asking which services a PACS has."""
    return tuple(Proposal(uid, _PLAIN) for uid in (VERIFICATION, STUDY_ROOT_FIND, STUDY_ROOT_GET, STUDY_ROOT_MOVE))


def storage_proposals(*, as_scp: bool = False) -> tuple[Proposal, ...]:
    """For asking in which transfer syntaxes a PACS takes instances; `as_scp`, in which it sends them by C-GET.

    As acceptors choose one of each context, every pair of SOP Class and transfer syntax has its own. The first context
    is none of storage: a PACS that takes no instances accepts that one, and with it the association.
    """
    pairs = ((uid, syntax) for uid in _TYPICAL_STORAGE for syntax in ALL_SYNTAXES if _is_asked(uid, syntax))
    storage = (Proposal(uid, (syntax,), as_scp=as_scp) for uid, syntax in pairs)
    return (Proposal(STUDY_ROOT_GET if as_scp else VERIFICATION, _PLAIN), *storage)


def _is_asked(sop_class_uid: str, transfer_syntax_uid: str) -> bool:
    """Whether the pair is worth one of the 128 contexts."""
    kind = TRANSFER_SYNTAXES[transfer_syntax_uid].kind
    return sop_class_uid == _ULTRASOUND_MULTI_FRAME if kind == "video" else kind != "reference"


def syntax_groups(contexts: int) -> tuple[tuple[str, ...], ...]:
    """Divide all transfer syntaxes over this many contexts: the usual ones alone, the rest together in the last.

    In a single context Explicit VR Little Endian is first, as every PACS can convert to it.
    """
    alone = min(contexts - 1, len(ALL_SYNTAXES) - 1)
    return (*((uid,) for uid in ALL_SYNTAXES[:alone]), ALL_SYNTAXES[alone:])
