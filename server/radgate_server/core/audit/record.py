"""One record of the audit trail: who did what to which object, from where, and when (PS3.15 A.5 has the vocabulary)."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class AuditAction(StrEnum):
    """What was done, or tried."""

    QUERY = "query"
    LIST = "list"  # the studies and patients that a search's answer named (core/audit/studies_shown.py)
    RETRIEVE = "retrieve"
    RETRIEVE_METADATA = "retrieve-metadata"
    RETRIEVE_FRAMES = "retrieve-frames"
    RETRIEVE_BULKDATA = "retrieve-bulkdata"
    RENDER = "render"
    TRANSCODE = "transcode"
    STORE = "store"
    CONFIGURE = "configure"
    READ_REFUSED = "read-refused"  # the bytes of an instance that was refused on arrival (core/quarantine)
    EXPORT_AUDIT = "export-audit"
    READ_AUDIT = "read-audit"  # a search, a verification, a report
    AUTHENTICATE = "authenticate"  # recorded when it failed: other records report who is admitted
    AUTHORISE = "authorise"  # recorded when it was denied
    GENESIS = "genesis"  # the first record of a chain that begins after records that have none
    ERASE_RECORDS = "erase-records"  # a statement about records whose bodies were erased (core/audit/erased_records.py)
    ERASE_CACHED = "erase-cached"  # what is cached of a study or patient


def for_every_action[T](table: Mapping[AuditAction, T]) -> Mapping[str, T]:
    """The table by the actions' words.

    Raises:
        ValueError: it lacks actions; whoever adds an action says what it is, everywhere.
    """
    if missing := [action.name for action in AuditAction if action not in table]:
        raise ValueError(f"no row for the audit actions {', '.join(missing)}")
    return {action.value: row for action, row in table.items()}


class AuditOutcome(StrEnum):
    """How it ended.

    What is granted is recorded before the first byte leaves. When nobody knew then how much that would be, a second
    record has it at the end: delivered, or interrupted when it broke off.
    """

    GRANTED = "granted"
    DENIED = "denied"
    FAILED = "failed"
    DELIVERED = "delivered"
    INTERRUPTED = "interrupted"


class AuditEntry(NamedTuple):
    """One access, written before the first byte of it leaves. UIDs are "" where the access is wider than that.

    `detail` says what no other field does: the level of a query, the frames, the name of a changed resource. It holds
    no patient data. `principal` names the caller for people, `patient_id` is (0010,0020) where it is known without
    asking a PACS, `pacs` the PACS that are read from, written to or configured, by commas, `size_bytes` what is sent or
    stored, None when that is not known beforehand, `trace_id` that of the W3C trace, 32 hexadecimal digits.
    `break_glass` is why the client calls this an emergency, in its own words, "" when it does not. `same_family_name`:
    the patient, or the one searched for, has the user's family name.
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
    outcome: AuditOutcome = AuditOutcome.GRANTED
    principal: str = ""
    patient_id: str = ""
    pacs: str = ""
    size_bytes: int | None = None
    trace_id: str = ""
    break_glass: str = ""
    same_family_name: bool = False
