"""The audit message schema of PS3.15 A.5.1, as a table: what may stand where, in which order, how often."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple
from xml.etree.ElementTree import Element

type Check = Callable[[str], object]


def any_text(_value: str) -> bool:
    return True


def one_of(*allowed: str) -> Check:
    return lambda value: value in allowed


def a_number_up_to(highest: int) -> Check:
    return lambda value: value.isdecimal() and 1 <= int(value) <= highest


def matching(pattern: str) -> Check:
    return lambda value: re.fullmatch(pattern, value)


def base64_text(value: str) -> bool:
    try:
        base64.b64decode(value, validate=True)
    except binascii.Error:
        return False
    return True


ONE, MAYBE, ANY, SOME = (1, 1), (0, 1), (0, 10**6), (1, 10**6)
DATE_TIME = matching(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
UID = matching(r"[0-2](\.(0|[1-9][0-9]*))+")


class Kind(NamedTuple):
    """Attributes, those that must be there, and children in their order, a choice of names as "a|b"."""

    attributes: Mapping[str, Check] = {}
    required: frozenset[str] = frozenset()
    children: tuple[tuple[str, tuple[int, int]], ...] = ()
    text: Check | None = None


CODE = {"csd-code": any_text, "codeSystemName": any_text, "displayName": any_text, "originalText": any_text}
CODED = Kind(CODE, frozenset({"csd-code", "codeSystemName", "originalText"}))
KINDS: dict[str, Kind] = {
    "AuditMessage": Kind(
        children=(
            ("EventIdentification", ONE),
            ("ActiveParticipant", SOME),
            ("AuditSourceIdentification", ONE),
            ("ParticipantObjectIdentification", ANY),
        )
    ),
    "EventIdentification": Kind(
        {
            "EventActionCode": one_of("C", "R", "U", "D", "E"),
            "EventDateTime": DATE_TIME,
            "EventOutcomeIndicator": one_of("0", "4", "8", "12"),
        },
        frozenset({"EventDateTime", "EventOutcomeIndicator"}),
        (("EventID", ONE), ("EventTypeCode", ANY), ("EventOutcomeDescription", MAYBE)),
    ),
    "EventID": CODED,
    "EventTypeCode": CODED,
    "EventOutcomeDescription": Kind(text=any_text),
    "ActiveParticipant": Kind(
        {
            "UserID": any_text,
            "AlternativeUserID": any_text,
            "UserName": any_text,
            "UserIsRequestor": one_of("true", "false", "1", "0"),
            "NetworkAccessPointID": any_text,
            "NetworkAccessPointTypeCode": a_number_up_to(5),
        },
        frozenset({"UserID", "UserIsRequestor"}),
        (("RoleIDCode", ANY), ("MediaIdentifier", MAYBE)),
    ),
    "RoleIDCode": CODED,
    "AuditSourceIdentification": Kind(
        {"AuditEnterpriseSiteID": any_text, "AuditSourceID": any_text},
        frozenset({"AuditSourceID"}),
        (("AuditSourceTypeCode", ANY),),
    ),
    "AuditSourceTypeCode": Kind({**CODE, "csd-code": a_number_up_to(9)}, frozenset({"csd-code"})),
    "ParticipantObjectIdentification": Kind(
        {
            "ParticipantObjectID": any_text,
            "ParticipantObjectTypeCode": a_number_up_to(4),
            "ParticipantObjectTypeCodeRole": a_number_up_to(26),
            "ParticipantObjectDataLifeCycle": a_number_up_to(15),
            "ParticipantObjectSensitivity": any_text,
        },
        frozenset({"ParticipantObjectID"}),
        (
            ("ParticipantObjectIDTypeCode", ONE),
            ("ParticipantObjectName|ParticipantObjectQuery", ONE),
            ("ParticipantObjectDetail", ANY),
            ("ParticipantObjectDescription", ANY),
        ),
    ),
    "ParticipantObjectIDTypeCode": CODED,
    "ParticipantObjectName": Kind(text=any_text),
    "ParticipantObjectQuery": Kind(text=base64_text),
    "ParticipantObjectDetail": Kind({"type": any_text, "value": base64_text}, frozenset({"type", "value"})),
    "ParticipantObjectDescription": Kind(children=(("SOPClass", ANY),)),
    "SOPClass": Kind(
        {"UID": UID, "NumberOfInstances": matching(r"\d+")}, frozenset({"NumberOfInstances"}), (("Instance", ANY),)
    ),
    "Instance": Kind({"UID": UID}, frozenset({"UID"})),
}


def check(element: Element) -> None:
    """Insist that the element, and all within, is as the table has it."""
    kind = KINDS[element.tag]
    assert kind.required <= element.attrib.keys() <= kind.attributes.keys(), (element.tag, element.attrib)
    for name, value in element.items():
        assert kind.attributes[name](value), (element.tag, name, value)
    text = element.text or ""
    assert (kind.text or one_of(""))(text), (element.tag, text)
    children = list(element)
    for names, (least, most) in kind.children:
        count = 0
        while children and children[0].tag in names.split("|"):
            check(children.pop(0))
            count += 1
        assert least <= count <= most, (element.tag, names, count)
    assert not children, (element.tag, children[0].tag)
