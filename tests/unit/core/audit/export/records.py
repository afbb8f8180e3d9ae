"""Records as the trail has them."""

from itertools import product
from typing import Any

from radgate_server.core.audit.chain import START, content_of, record_hash
from radgate_server.core.audit.record import AuditAction, AuditOutcome
from radgate_server.core.audit.verification import StoredRecord
from tests.conformance.database_suites import audit_entry


def stored(number: int = 1, **changes: Any) -> StoredRecord:
    """Record `number` of the tenant's chain."""
    time_us, size_bytes, words = content_of(audit_entry(number)._replace(**changes))
    own_hash = record_hash(START, number, time_us, size_bytes, words)
    return StoredRecord(number, number, own_hash, time_us, size_bytes, words)


SPARSE = dict.fromkeys(
    ("key_id", "role", "principal", "patient_id", "study_instance_uid", "sop_instance_uid", "address", "pacs"), ""
)
FIELDS = ({}, {**SPARSE, "tenant_id": ""}, {"principal": "Dr. \x01<&>é"})
ALL = [
    stored(number, action=action, outcome=outcome, size_bytes=size_bytes, **fields)
    for number, (action, outcome, size_bytes, fields) in enumerate(
        product(AuditAction, AuditOutcome, (None, 700), FIELDS), 1
    )
]
"""Each action and outcome, with all fields and with hardly any."""
