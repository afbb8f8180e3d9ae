"""HL7 v2 messages as systems of several vendors send them, with made-up patients."""

from collections.abc import Mapping


def segment(name: str, fields: Mapping[int, str]) -> str:
    """A segment by the numbers of its fields."""
    return "|".join((name, *(fields.get(number, "") for number in range(1, max(fields) + 1))))


def message(*segments: str) -> bytes:
    """The segments as a message in UTF-8."""
    return ("\r".join(segments) + "\r").encode()


_REQUEST = {1: "1", 2: "ORD-55^EHR", 3: "FIL-9^RIS", 18: "ACC-3", 19: "RP-1", 24: "CT"}
_WHEN = "1^once^^20261204083000^^S"
RAD_4 = message(
    # IHE RAD-4, HL7 v2.3.1: a scheduler reports two steps of one requested procedure; ZDS stands behind both.
    "MSH|^~\\&|RIS|NORTH^1.2.3^ISO|RADGATE|NORTH|20261203073012||ORM^O01^ORM_O01|RIS-1001|P|2.3.1||||||8859/1",
    "PID|1||PAT-7^^^NORTH^MR~999-99-9999^^^USSSA^SS||Muster^Erika||19640812|F",
    "PV1|1|O|RAD^^^NORTH",
    segment("ORC", {1: "NW", 2: "ORD-55^EHR", 3: "FIL-9^RIS", 5: "SC", 7: _WHEN}),
    segment("OBR", _REQUEST | {4: "CTCH^CT Chest^L^P1^Protocol^L", 27: _WHEN, 44: "CTCH^CT Chest with contrast"}),
    segment("ORC", {1: "NW", 2: "ORD-55^EHR", 3: "FIL-9^RIS", 5: "SC", 7: _WHEN}),
    segment("OBR", _REQUEST | {1: "2", 4: "CTAB^CT Abdomen^L"}),
    "ZDS|1.2.840.99.7.1^RIS^Application^DICOM",
)

RECORD = message(
    # An electronic patient record, HL7 v2.3: no study yet, a section of table 0074, notes and an insurer.
    "MSH|^~\\&|EHR|SOUTH|||20261203101500||ORM^O01|8123|T|2.3",
    segment(
        "PID", {1: "1", 3: "40017^^^HOSP^MRN", 5: "DOE^JANE^Q^^^^D", 7: "19700101", 11: "1 STREET^^TOWN", 18: "770"}
    ),
    "PV1|1|OUTPATIENT|CLINIC^^^SOUTH||||1234^WHO^DOCTOR",
    "IN1|1|PLAN|1|INSURER",
    segment("ORC", {1: "NW", 2: "112233^EHR", 4: "112233", 7: "^^^20261210^^R", 9: "20261203101455", 10: "77^CLERK"}),
    segment("OBR", {1: "1", 2: "112233^EHR", 4: "IMG345^MR BRAIN W \\T\\ W/O^EAP", 24: "NMR", 36: "20261210140000"}),
    "NTE|1||please call",
    "DG1|1|I10|R51|Headache",
)

IMAGING_ORDER = message(
    # HL7 v2.5.1 OMI^O23: TQ1 and IPC have what was in ORC, OBR and ZDS before.
    "MSH|^~\\&|RIS|WEST|RADGATE|WEST|20261203090000+0100||OMI^O23^OMI_O23|M-5|P|2.5.1|||AL|NE||UNICODE UTF-8",
    "PID|||P-1^^^A&1.2.3&ISO~P-2^^^B&1.2.4&ISO||Größe^Änne",
    "ORC|NW|O-1^RIS^1.2.9^ISO",
    "TQ1|1||||||20261205093000+0100||R",
    "OBR|1|O-1^RIS^1.2.9^ISO||MRKN^MR Knie links^L",
    "IPC|A-77^RIS|RP-2|1.2.840.99.8^RIS|SPS-9|MR|MRP^Knee",
)

APPOINTMENT = message(
    # HL7 v2.5 SIU^S12; line feeds behind the carriage returns, as some senders have them.
    "MSH|^~\\&|SCHED|EAST|RADGATE|EAST|20261203||SIU^S12|S-1|P|2.5",
    "\n"
    + segment("SCH", {1: "AP-1^SCHED", 2: "AF-1^SCHED", 8: "XR^X-ray", 11: "^^30^20261206081500", 26: "ORD-9^EHR"}),
    "\nPID|1||E-100^^^EAST",
    "\nRGS|1|A",
    "\nAIS|1|A|XCH^Chest two views^L|202612060815|0|min",
)

WITHOUT_STUDY: Mapping[str, bytes] = {
    "cancelled": RAD_4.replace(b"ORC|NW", b"ORC|CA"),
    "cancelled by the filler": RAD_4.replace(b"ORC|NW", b"ORC|OC"),
    "discontinued": RAD_4.replace(b"ORC|NW", b"ORC|DC"),
    "completed": RAD_4.replace(b"ORC|NW", b"ORC|SC").replace(b"|SC|", b"|CM|"),
    "appointment cancelled": APPOINTMENT.replace(b"SIU^S12", b"SIU^S15"),
    "laboratory": RECORD.replace(b"|NMR|", b"|CH|"),
    "diet": RECORD.replace(b"OBR|1|", b"ODS|1|"),
    "result": RAD_4.replace(b"ORM^O01^ORM_O01", b"ORU^R01^ORU_R01"),
    "admission": message("MSH|^~\\&|ADT|EAST|||2026||ADT^A01|9|P|2.3", "PID|1||P-1"),
}
"""Messages that announce no study, by why. All are valid."""
