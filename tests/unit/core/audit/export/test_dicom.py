"""DICOM Audit Messages: valid by the schema's table, and each in the words of PS3.15 A.5.3."""

from base64 import b64decode
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest

from radgate_server.core.audit.export.dicom import audit_message
from radgate_server.core.audit.export.event import KINDS
from radgate_server.core.audit.export.fhir import audit_event
from radgate_server.core.audit.export.syslog import syslog_frame
from radgate_server.core.audit.record import AuditAction, AuditOutcome
from radgate_server.core.audit.verification import StoredRecord
from tests.unit.core.audit.export.audit_message import check
from tests.unit.core.audit.export.records import ALL, stored


def message(record: StoredRecord) -> Element:
    return fromstring(audit_message(record, "radgate"))


def test_every_record_becomes_a_valid_message() -> None:
    for record in ALL:
        check(message(record))


def test_everybody_on_a_list_takes_part() -> None:
    listed = stored(1, action=AuditAction.LIST, patient_id="P-1\\P-2\\P-1", study_instance_uid="1.2\\1.3\\1.4")
    shown = message(listed)
    check(shown)
    ids = [found.get("ParticipantObjectID") for found in shown.findall("ParticipantObjectIdentification")]
    assert ids[:5] == ["P-1", "P-2", "1.2", "1.3", "1.4"]
    references = [entity["what"]["identifier"]["value"] for entity in audit_event(listed, "radgate")["entity"]]
    assert references[:5] == ["P-1", "P-2", "urn:oid:1.2", "urn:oid:1.3", "urn:oid:1.4"]


def test_every_action_has_a_name() -> None:
    assert set(AuditAction) <= set(KINDS)


@pytest.mark.parametrize(
    ("changes", "event", "action", "outcome"),
    [
        ({"action": AuditAction.QUERY}, "Query", "E", "0"),
        ({"action": AuditAction.RETRIEVE, "size_bytes": None}, "Begin Transferring DICOM Instances", "E", "0"),
        (
            {"action": AuditAction.RETRIEVE, "outcome": AuditOutcome.DELIVERED},
            "DICOM Instances Transferred",
            "R",
            "0",
        ),
        (
            {"action": AuditAction.RETRIEVE, "outcome": AuditOutcome.INTERRUPTED},
            "DICOM Instances Transferred",
            "R",
            "4",
        ),
        ({"action": AuditAction.STORE, "outcome": AuditOutcome.DELIVERED}, "DICOM Instances Transferred", "C", "0"),
        ({"action": AuditAction.RETRIEVE_FRAMES}, "DICOM Instances Accessed", "R", "0"),
        ({"action": AuditAction.AUTHENTICATE, "outcome": AuditOutcome.FAILED}, "User Authentication", "E", "4"),
        ({"action": AuditAction.AUTHORISE, "outcome": AuditOutcome.DENIED}, "Security Alert", "E", "4"),
        ({"action": AuditAction.CONFIGURE}, "Security Alert", "E", "0"),
        ({"action": AuditAction.EXPORT_AUDIT}, "Audit Log Used", "R", "0"),
    ],
)
def test_what_happened_has_the_standards_name(changes: dict[str, Any], event: str, action: str, outcome: str) -> None:
    identification = message(stored(**changes)).find("EventIdentification")
    assert identification is not None
    reported = identification.find("EventID")
    assert reported is not None
    assert (reported.get("originalText"), reported.get("codeSystemName")) == (event, "DCM")
    assert (identification.get("EventActionCode"), identification.get("EventOutcomeIndicator")) == (action, outcome)


def test_who_saw_what_from_where_is_informed() -> None:
    found = message(stored(principal="Dr. <X>", trace_id="4bf92f3577b34da6a3ce929d0e0e4736", pacs="main,second"))
    user, ours, *pacs = found.findall("ActiveParticipant")
    assert (user.get("UserID"), user.get("UserName"), user.get("UserIsRequestor")) == (
        "0123456789ab",
        "Dr. <X>",
        "true",
    )
    assert (user.get("NetworkAccessPointID"), user.get("NetworkAccessPointTypeCode")) == ("192.0.2.7", "2")
    assert [role.get("csd-code") for role in user] == ["110152", "viewer"]
    assert [one.get("UserID") for one in (ours, *pacs)] == ["radgate", "main", "second"]
    patient, study, record = found.findall("ParticipantObjectIdentification")
    assert patient.get("ParticipantObjectID") == "P-1"
    assert study.get("ParticipantObjectID") == "1.2.840.113619.2.5.1762583153.215519.978957063.78"
    assert [instance.get("UID") for instance in study.iter("Instance")] == [
        "1.2.840.113619.2.5.1762583153.215519.978957063.1"
    ]
    details = {detail.get("type"): b64decode(detail.get("value") or "").decode() for detail in record}
    assert record.get("ParticipantObjectID") == "urn:radgate:audit:a:1"
    assert (
        details.items()
        >= {
            "bytes": "524288",
            "request": "request-1",
            "trace": "4bf92f3577b34da6a3ce929d0e0e4736",
            "userAgent": "agent/1.0 (naïve)",
        }.items()
    )
    source = found.find("AuditSourceIdentification")
    assert source is not None
    assert (source.get("AuditSourceID"), source.get("AuditEnterpriseSiteID")) == ("radgate", "a")


def test_a_frame_is_counted_in_bytes_and_headed_as_rfc_5424_has_it() -> None:
    record = stored(principal="é")
    length, _, rest = syslog_frame(record, "radgate", "host.example", 77).partition(b" ")
    assert len(rest) == int(length)
    header, _, body = rest.partition(b"\xef\xbb\xbf")
    assert header == b"<85>1 2026-07-08T09:10:11.121315Z host.example radgate 77 DICOM+RFC3881 - "
    assert body == audit_message(record, "radgate")
    assert syslog_frame(stored(outcome=AuditOutcome.DENIED), "a", "b", 1).partition(b" ")[2].startswith(b"<84>1 ")
