"""DICOM Audit Message (PS3.15 A.5): a record as XML. Who else took part, from where, and upon what."""

import re
from base64 import b64encode
from collections.abc import Iterator
from ipaddress import ip_address
from xml.etree.ElementTree import Element, SubElement, tostring

from radgate_server.core.audit.checkpoint import time_text
from radgate_server.core.audit.export.event import (
    DESTINATION,
    PATIENT_NUMBER,
    SOP_CLASS_UID,
    SOURCE,
    STUDY_INSTANCE_UID,
    STUDY_ROOT_FIND,
    URI,
    Code,
    Event,
    read_event,
)
from radgate_server.core.audit.verification import StoredRecord

_APPLICATION_SERVER = "4"
_PERSON, _SYSTEM_OBJECT = "1", "2"
_PATIENT, _REPORT, _SECURITY_RESOURCE, _QUERY = "1", "3", "13", "24"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
NOBODY = "unknown"


def audit_message(record: StoredRecord, source: str) -> bytes:
    """The message in UTF-8, without a declaration; `source` names this installation."""
    event = read_event(record)
    message = Element("AuditMessage")
    message.append(_event_identification(event))
    message.extend(_participants(event, source))
    message.append(_audit_source(event, source))
    message.extend(_objects(event))
    return tostring(message, encoding="unicode").encode()


def is_address(text: str) -> bool:
    """Whether it is an IP address; else it is a name."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _event_identification(event: Event) -> Element:
    element = Element(
        "EventIdentification",
        EventActionCode=event.kind.action,
        EventDateTime=time_text(event.time_us),
        EventOutcomeIndicator=event.outcome,
    )
    _add_code(element, "EventID", event.kind.event)
    if event.kind.subtype is not None:
        _add_code(element, "EventTypeCode", event.kind.subtype)
    if event.outcome != "0":
        SubElement(element, "EventOutcomeDescription").text = _text(event.words["detail"] or event.words["outcome"])
    return element


def _participants(event: Event, source: str) -> Iterator[Element]:
    words = event.words
    user = Element("ActiveParticipant", UserID=_text(words["key_id"] or NOBODY), UserIsRequestor="true")
    if words["principal"]:
        user.set("UserName", _text(words["principal"]))
    if words["address"]:
        user.set("NetworkAccessPointID", _text(words["address"]))
        user.set("NetworkAccessPointTypeCode", "2" if is_address(words["address"]) else "1")
    mine, ours = (SOURCE, DESTINATION) if event.has_client_as_source else (DESTINATION, SOURCE)
    _add_code(user, "RoleIDCode", mine)
    if words["role"]:
        _add_code(user, "RoleIDCode", Code(words["role"], "RADGATE", words["role"]))
    yield user
    for name in (source, *filter(None, words["pacs"].split(","))):
        participant = Element("ActiveParticipant", UserID=_text(name), UserIsRequestor="false")
        _add_code(participant, "RoleIDCode", ours)
        yield participant


def _audit_source(event: Event, source: str) -> Element:
    element = Element("AuditSourceIdentification", AuditSourceID=_text(source))
    if event.words["tenant_id"]:
        element.set("AuditEnterpriseSiteID", _text(event.words["tenant_id"]))
    SubElement(element, "AuditSourceTypeCode", {"csd-code": _APPLICATION_SERVER})
    return element


def _objects(event: Event) -> Iterator[Element]:
    words = event.words
    for patient in event.patients:
        yield _object(patient, _PERSON, _PATIENT, PATIENT_NUMBER, name=patient)
    for study in event.studies:
        element = _object(study, _SYSTEM_OBJECT, _REPORT, STUDY_INSTANCE_UID, name=study)
        if instance := words["sop_instance_uid"]:
            description = SubElement(element, "ParticipantObjectDescription")
            of_class = SubElement(description, "SOPClass", NumberOfInstances="1")
            SubElement(of_class, "Instance", UID=_text(instance))
        yield element
    if words["action"] == "query":
        yield _object(STUDY_ROOT_FIND, _SYSTEM_OBJECT, _QUERY, SOP_CLASS_UID, query=words["detail"])
    element = _object(event.identifier, _SYSTEM_OBJECT, _SECURITY_RESOURCE, URI, name="Radgate audit record")
    for name, value in event.details:
        SubElement(element, "ParticipantObjectDetail", type=name, value=_base64(value))
    yield element


def _object(
    identifier: str, type_code: str, role: str, id_type: Code, *, name: str = "", query: str | None = None
) -> Element:
    element = Element(
        "ParticipantObjectIdentification",
        ParticipantObjectID=_text(identifier),
        ParticipantObjectTypeCode=type_code,
        ParticipantObjectTypeCodeRole=role,
    )
    _add_code(element, "ParticipantObjectIDTypeCode", id_type)
    if query is None:
        SubElement(element, "ParticipantObjectName").text = _text(name)
    else:
        SubElement(element, "ParticipantObjectQuery").text = _base64(query)
    return element


def _add_code(parent: Element, name: str, code: Code) -> None:
    attributes = {"csd-code": _text(code.value), "codeSystemName": code.system, "originalText": _text(code.meaning)}
    SubElement(parent, name, attributes)


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()


def _text(text: str) -> str:
    """XML 1.0 knows no control characters."""
    return _NOT_XML.sub("�", text)
