"""Signed checkpoints as collectors of the audit trail get them, and as they are read there."""

import json
import re
from base64 import b64decode

from radgate_server.core.audit.chain import UNKNOWN_SIZE, WORDS
from radgate_server.core.audit.checkpoint import Checkpoint, to_line
from radgate_server.core.audit.export.event import CHECKPOINT
from radgate_server.core.audit.record import AuditOutcome
from radgate_server.core.audit.verification import StoredRecord

_DETAIL = re.compile(r'<ParticipantObjectDetail type="detail" value="([A-Za-z0-9+/=]+)"')


def checkpoint_record(checkpoint: Checkpoint) -> StoredRecord:
    """The checkpoint in the shape of a record that is no part of any chain; its line of JSON is the detail."""
    named = {
        "tenant_id": checkpoint.tenant_id,
        "key_id": "radgate",
        "action": CHECKPOINT,
        "outcome": AuditOutcome.GRANTED.value,
        "detail": to_line(checkpoint),
    }
    words = tuple(named.get(word, "") for word in WORDS)
    return StoredRecord(0, checkpoint.sequence, checkpoint.own_hash, checkpoint.time_us, UNKNOWN_SIZE, words)


def checkpoint_line(line: str) -> str:
    """The checkpoint's own line within a DICOM Audit Message or FHIR AuditEvent on one line; other lines as they are.

    Raises:
        ValueError: it is a message about something else.
    """
    if found := _DETAIL.search(line):
        return b64decode(found[1]).decode()
    try:
        event = json.loads(line)
        details = [detail for entity in event["entity"] for detail in entity.get("detail", ())]
    except (ValueError, KeyError, TypeError, AttributeError):
        return line
    return next((str(detail["valueString"]) for detail in details if detail.get("type") == "detail"), "")
