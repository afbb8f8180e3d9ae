"""What an order to erase cached data looks like in the audit trail and, once carried out, as a certificate: pure."""

from datetime import datetime

from radgate_server.core.audit.checkpoint import time_text
from radgate_server.core.audit.record import AuditAction, AuditEntry
from radgate_server.core.audit.retention import HoldSubject
from radgate_server.core.audit.verification import StoredRecord
from radgate_server.core.retention.deletion_certificate import DeletionCertificate, ErasedFromTier, hashed_names
from radgate_server.core.retention.ports.erasure import Erasure, ErasureOrder, ErasureProgress


def detail_of(order: ErasureOrder) -> str:
    """By which the order's record is found again."""
    return f"erasure {order.erasure_id} of what is cached of {len(order.studies)} studies: {order.reason}"


def entry_of(order: ErasureOrder, time: datetime) -> AuditEntry:
    """The order's record, by whoever gave it."""
    of_study = order.subject is HoldSubject.STUDY
    return AuditEntry(
        time=time,
        tenant_id=order.tenant_id,
        principal=order.principal,
        key_id=order.key_id,
        role=order.role,
        action=AuditAction.ERASE_CACHED,
        study_instance_uid=order.value if of_study else "",
        series_instance_uid="",
        sop_instance_uid="",
        address=order.address,
        user_agent=order.user_agent,
        request_id=order.request_id,
        detail=detail_of(order),
        patient_id="" if of_study else order.value,
    )


def certificate_of(
    erasure: Erasure, progress: ErasureProgress, record: StoredRecord, now: datetime, *, key_id: str, encrypted: bool
) -> DeletionCertificate:
    """The certificate of what was carried out by `now`, still to be signed by the key `key_id`."""
    order = erasure.order
    return DeletionCertificate(
        certificate_id=order.erasure_id,
        tenant=order.tenant_id,
        subject=order.subject.value,
        value=order.value,
        studies=order.studies,
        reason=order.reason,
        ordered_by=order.key_id,
        ordered_time=_text(erasure.create_time),
        finished_time=_text(now),
        encrypted=encrypted,
        key_hashes=hashed_names(progress.key_ids),
        tiers=tuple(ErasedFromTier(name, *found) for name, found in sorted(progress.tiers.items())),
        audit_sequence=record.sequence,
        audit_hash=(record.record_hash or b"").hex(),
        key=key_id,
    )


def _text(time: datetime) -> str:
    return time_text(round(time.timestamp() * 1_000_000))
