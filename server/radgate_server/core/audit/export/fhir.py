"""FHIR R4 AuditEvent (hl7.org/fhir/R4/auditevent.html): a record as JSON, by the same vocabulary as DICOM's."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

from radgate_server.core.audit.checkpoint import time_text
from radgate_server.core.audit.export.dicom import NOBODY, is_address
from radgate_server.core.audit.export.event import (
    DESTINATION,
    PATIENT_NUMBER,
    SOURCE,
    STUDY_INSTANCE_UID,
    URI,
    Code,
    Event,
    read_event,
)
from radgate_server.core.audit.verification import StoredRecord

type Json = dict[str, Any]

_SYSTEMS = {
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "RFC-3881": "http://terminology.hl7.org/CodeSystem/audit-entity-type",
    "RADGATE": "urn:radgate:role",
}
_ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_OBJECT_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
_SOURCE_TYPE = "http://terminology.hl7.org/CodeSystem/security-source-type"
_DICOM_UID = "urn:dicom:uid"


def audit_event(record: StoredRecord, source: str) -> Json:
    """The resource; its id is the same whenever the record is exported, so that it can be put twice."""
    event = read_event(record)
    resource: Json = {
        "resourceType": "AuditEvent",
        "id": sha256(event.identifier.encode() + (record.record_hash or b"")).hexdigest()[:40],
        "type": _coding(event.kind.event),
        "action": event.kind.action,
        "recorded": time_text(event.time_us),
        "outcome": event.outcome,
        "agent": [*_agents(event, source)],
        "source": _source(event, source),
        "entity": [*_entities(event)],
    }
    if event.kind.subtype is not None:
        resource["subtype"] = [_coding(event.kind.subtype)]
    if event.outcome != "0":
        resource["outcomeDesc"] = event.words["detail"] or event.words["outcome"]
    return resource


def batch(records: Sequence[StoredRecord], source: str) -> Json:
    """A Bundle that puts the records under ids of their own: whoever gets it twice has them once."""
    return {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [
            {"resource": resource, "request": {"method": "PUT", "url": f"AuditEvent/{resource['id']}"}}
            for resource in (audit_event(record, source) for record in records)
        ],
    }


def _agents(event: Event, source: str) -> Iterator[Json]:
    words = event.words
    mine, ours = (SOURCE, DESTINATION) if event.has_client_as_source else (DESTINATION, SOURCE)
    user: Json = {
        "type": {"coding": [_coding(mine)]},
        "who": {"identifier": {"value": words["key_id"] or NOBODY}},
        "requestor": True,
    }
    if words["role"]:
        user["role"] = [{"coding": [_coding(Code(words["role"], "RADGATE", words["role"]))]}]
    if words["principal"]:
        user["name"] = words["principal"]
    if words["address"]:
        user["network"] = {"address": words["address"], "type": "2" if is_address(words["address"]) else "1"}
    yield user
    for name in (source, *filter(None, words["pacs"].split(","))):
        yield {"type": {"coding": [_coding(ours)]}, "who": {"identifier": {"value": name}}, "requestor": False}


def _source(event: Event, source: str) -> Json:
    site = {"site": event.words["tenant_id"]} if event.words["tenant_id"] else {}
    observer = {"identifier": {"value": source}}
    kind = {"system": _SOURCE_TYPE, "code": "4", "display": "Application Server"}
    return {**site, "observer": observer, "type": [kind]}


def _entities(event: Event) -> Iterator[Json]:
    words = event.words
    for patient in event.patients:
        yield _entity({"value": patient}, "1", "1", PATIENT_NUMBER)
    for study in event.studies:
        of_study = {"system": _DICOM_UID, "value": f"urn:oid:{study}"}
        series, instance = words["series_instance_uid"], words["sop_instance_uid"]
        yield {
            **_entity(of_study, "2", "3", STUDY_INSTANCE_UID),
            **_details((("series", series), ("instance", instance))),
        }
    if words["action"] == "query":
        query = {"query": b64encode(words["detail"].encode()).decode()} if words["detail"] else {}
        yield {"type": _typed("2", _ENTITY_TYPE), "role": _typed("24", _OBJECT_ROLE), **query}
    yield {**_entity({"value": event.identifier}, "2", "13", URI), **_details(event.details)}


def _entity(identifier: Json, kind: str, role: str, id_type: Code) -> Json:
    what = {"identifier": {"type": {"text": id_type.meaning}, **identifier}}
    return {"what": what, "type": _typed(kind, _ENTITY_TYPE), "role": _typed(role, _OBJECT_ROLE)}


def _details(details: Sequence[tuple[str, str]]) -> Json:
    listed = [{"type": name, "valueString": value} for name, value in details if value]
    return {"detail": listed} if listed else {}


def _typed(code: str, system: str) -> Json:
    return {"system": system, "code": code}


def _coding(code: Code) -> Json:
    return {"system": _SYSTEMS[code.system], "code": code.value, "display": code.meaning}
