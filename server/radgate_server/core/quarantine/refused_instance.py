"""Instances that came from a PACS and were refused, as an administrator looks at them (docs/adr/0039-quarantine.md)."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope


@dataclass(frozen=True, slots=True)
class RefusedInstance:
    """What is known of an instance that was not taken. `reason` is the error's (core.errors.reason_of).

    `asked` is what was to come, as narrow as that is known; Patient IDs are "" when they are unknown. `stated` is
    what the data set says it is, None where it can't be read to its end and nothing that it says is believed.
    """

    tenant_id: str
    pacs: str
    reason: str
    asked: RetrieveScope
    asked_patient_id: str = ""
    stated: InstanceRef | None = None
    stated_patient_id: str = ""

    def studies_of(self, patient_id: str) -> list[str]:
        """The studies that are the patient's, as far as that is known."""
        asked = [(self.asked_patient_id, self.asked.study_instance_uid)]
        stated = [(self.stated_patient_id, self.stated.study_instance_uid)] if self.stated else []
        return [study for patient, study in asked + stated if patient == patient_id]

    def concerns(self, study_instance_uid: str) -> bool:
        """Whether an erasure of the study includes it: it does unless the bytes are known to be of another one."""
        return self.stated is None or study_instance_uid in (
            self.asked.study_instance_uid,
            self.stated.study_instance_uid,
        )


@dataclass(frozen=True, slots=True)
class QuarantinedInstance:
    """A refused instance whose bytes are stored: its id (32 hexadecimal digits), when it came, its length."""

    entry_id: str
    receive_time: datetime
    size_bytes: int
    refused: RefusedInstance


@dataclass(frozen=True, slots=True)
class QuarantineLimits:
    """How much of a tenant's is stored, and for how long; nothing where one of them is 0."""

    tenant_bytes: int
    tenant_entries: int
    instance_bytes: int
    kept_s: float

    @property
    def stores_nothing(self) -> bool:
        """Whether it is switched off."""
        return not (self.tenant_bytes and self.tenant_entries and self.instance_bytes and self.kept_s)

    def admits(self, size_bytes: int) -> bool:
        """Whether an instance of this size is stored; it is stored whole or not at all."""
        return not self.stores_nothing and size_bytes <= min(self.instance_bytes, self.tenant_bytes)


def encode_record(entry: QuarantinedInstance) -> bytes:
    """The record as JSON, for who stores it beside the bytes."""
    refused, asked, stated = entry.refused, entry.refused.asked, entry.refused.stated
    return json.dumps(
        {
            "time": entry.receive_time.timestamp(),
            "size": entry.size_bytes,
            "pacs": refused.pacs,
            "reason": refused.reason,
            "asked": [asked.study_instance_uid, asked.series_instance_uid, asked.sop_instance_uid],
            "asked_patient": refused.asked_patient_id,
            "stated": stated and list(stated),
            "stated_patient": refused.stated_patient_id,
        }
    ).encode()


def decode_record(tenant_id: str, entry_id: str, record: bytes) -> QuarantinedInstance:
    """The record that `encode_record` made."""
    values = json.loads(record)
    refused = RefusedInstance(
        tenant_id,
        values["pacs"],
        values["reason"],
        RetrieveScope(*values["asked"]),
        values["asked_patient"],
        InstanceRef(*values["stated"]) if values["stated"] else None,
        values["stated_patient"],
    )
    return QuarantinedInstance(entry_id, datetime.fromtimestamp(values["time"], UTC), values["size"], refused)
