"""Presentation contexts: which the archive accepts, and which it proposes to a move destination (PS3.8 9.3.2)."""

from collections.abc import Iterable

from pynetdicom import evt
from pynetdicom.presentation import PresentationContext, build_context

from radgate_server.core.dicom.transfer_syntaxes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    TRANSFER_SYNTAXES,
)

MAX_CONTEXTS = 128
VERIFICATION = "1.2.840.10008.1.1"
_SERVICES = frozenset(
    {
        VERIFICATION,
        "1.2.840.10008.5.1.4.1.2.2.1",  # Study Root Query/Retrieve Information Model - FIND
        "1.2.840.10008.5.1.4.1.2.2.2",  # … - MOVE
        "1.2.840.10008.5.1.4.1.2.2.3",  # … - GET
    }
)
_SERVICE_SYNTAXES = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)


def accept_proposals(event: evt.Event) -> None:
    """Decide what the association accepts: the services, and any class that the peer wants to be SCP of (for C-GET).

    Among the syntaxes of one context the peer's order counts, where pynetdicom's would be the acceptor's.
    """
    retrieved = {str(uid) for uid, role in event.assoc.requestor.role_selection.items() if role.scp_role}
    accepted: dict[str, PresentationContext] = {}
    for proposed in event.assoc.requestor.requested_contexts:
        uid = str(proposed.abstract_syntax)
        is_service = uid in _SERVICES
        if not is_service and uid not in retrieved:
            continue
        known = _SERVICE_SYNTAXES if is_service else TRANSFER_SYNTAXES
        context = accepted.setdefault(uid, build_context(uid, []))
        for syntax in proposed.transfer_syntax:
            if syntax in known:
                context.add_transfer_syntax(syntax)
        if not is_service:
            context.scu_role, context.scp_role = False, True
    event.assoc.acceptor.supported_contexts = [context for context in accepted.values() if context.transfer_syntax]


def storage_contexts(sop_class_uids: Iterable[str]) -> list[PresentationContext]:
    """Propose the classes, each syntax in a context of its own, so that the peer can take everything as it is stored.

    At most 128, the commonest syntaxes of all classes first.
    """
    classes = sorted({uid for uid in sop_class_uids if uid})
    pairs = [(sop_class, syntax) for syntax in TRANSFER_SYNTAXES for sop_class in classes]
    return [build_context(sop_class, syntax) for sop_class, syntax in pairs[:MAX_CONTEXTS]]
