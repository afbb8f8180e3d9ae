"""One line of the audit trail: who did what to which object, from where, and when (PS3.15 A.5 has the vocabulary)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AuditAction(StrEnum):
    """What was done."""

    QUERY = "query"
    RETRIEVE = "retrieve"
    RETRIEVE_METADATA = "retrieve-metadata"
    RETRIEVE_FRAMES = "retrieve-frames"
    RETRIEVE_BULKDATA = "retrieve-bulkdata"
    RENDER = "render"
    TRANSCODE = "transcode"
    STORE = "store"
    CONFIGURE = "configure"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One access, written before the first byte of it leaves. UIDs are "" where the access is wider than that.

    `detail` says what no other field does: the level of a query, the frames, the name of a changed resource. It
    holds no patient data.
    """

    time: datetime
    tenant_id: str
    key_id: str
    role: str
    action: AuditAction
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    address: str
    user_agent: str
    request_id: str
    detail: str
