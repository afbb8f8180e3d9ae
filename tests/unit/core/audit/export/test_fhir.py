"""FHIR AuditEvents, checked by a library's model of R4."""

import json

from fhir.resources.R4B.auditevent import AuditEvent
from fhir.resources.R4B.bundle import Bundle

from radgate_server.core.audit.export.fhir import audit_event, batch
from radgate_server.core.audit.record import AuditAction, AuditOutcome
from tests.unit.core.audit.export.records import ALL, stored


def test_every_record_becomes_a_valid_resource() -> None:
    for record in ALL:
        event = audit_event(record, "radgate")
        assert json.loads(AuditEvent.model_validate(event).model_dump_json()) == json.loads(json.dumps(event))


def test_a_batch_puts_each_record_under_its_own_id() -> None:
    found = batch(ALL[:50], "radgate")
    Bundle.model_validate(found)
    ids = [entry["request"]["url"] for entry in found["entry"]]
    assert len(set(ids)) == 50
    assert ids == [entry["request"]["url"] for entry in batch(ALL[:50], "radgate")["entry"]]


def test_who_saw_what_from_where_is_informed() -> None:
    found = audit_event(stored(principal="Dr. X", pacs="main"), "radgate")
    user, ours, pacs = found["agent"]
    assert (user["who"]["identifier"]["value"], user["name"], user["requestor"]) == ("0123456789ab", "Dr. X", True)
    assert user["network"] == {"address": "192.0.2.7", "type": "2"}
    assert [one["who"]["identifier"]["value"] for one in (ours, pacs)] == ["radgate", "main"]
    patient, study, record = found["entity"]
    assert patient["what"]["identifier"]["value"] == "P-1"
    assert study["what"]["identifier"]["value"] == "urn:oid:1.2.840.113619.2.5.1762583153.215519.978957063.78"
    assert {"type": "bytes", "valueString": "524288"} in record["detail"]
    assert (found["action"], found["outcome"], found["type"]["code"]) == ("R", "0", "110103")


def test_a_failure_says_why() -> None:
    found = audit_event(
        stored(action=AuditAction.AUTHENTICATE, outcome=AuditOutcome.FAILED, detail="X: UNAUTHENTICATED"), "radgate"
    )
    assert (found["outcome"], found["outcomeDesc"]) == ("4", "X: UNAUTHENTICATED")
    assert found["subtype"][0]["display"] == "Login"
