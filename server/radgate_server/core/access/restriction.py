"""Restrictions of a credential to some studies: what they may name, and which studies lie within. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any

from radgate_server.core.dicom.data_sets import DicomJson, first_value
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.query.attributes import parse_match_value
from radgate_server.core.query.value_matching import value_test

STUDY_DATE, MODALITIES_IN_STUDY, REFERRING_PHYSICIAN = "00080020", "00080061", "00080090"
PATIENT_ID, ISSUER_OF_PATIENT_ID = "00100020", "00100021"
DECISIVE = (STUDY_DATE, MODALITIES_IN_STUDY, REFERRING_PHYSICIAN, PATIENT_ID, ISSUER_OF_PATIENT_ID)
"""Attributes of a study that decide whether it lies within a restriction."""

MAX_VALUES = 100
"""Values of one attribute: each study of an answer is compared with them."""
MAX_DAYS = 36_500

_ISSUER_MARK = "^^^"  # as in HL7's CX: identifier, check digit, its scheme, assigning authority
_LITERAL = re.compile(r"[^\\*?\x00-\x1f\x7f]{1,64}")  # LO and PN without what would be a list, a wildcard, a control
_MAX_NAME_GROUPS = 3  # alphabetic, ideographic, phonetic (PS3.5 6.2.1.2)
_CODE = re.compile(r"[A-Z0-9 _]{1,16}")
_LAST_DAYS = re.compile(r"([1-9][0-9]{0,4})d")

type StudyTest = Callable[[DicomJson], bool]


@dataclass(frozen=True, slots=True)
class RestrictedPatient:
    """A patient: Patient ID (0010,0020), and the Issuer of Patient ID (0010,0021) or "" for whichever."""

    patient_id: str = field(repr=False)
    issuer: str = field(default="", repr=False)

    @property
    def text(self) -> str:
        """As `parse_patient` reads it."""
        return f"{self.patient_id}{_ISSUER_MARK}{self.issuer}" if self.issuer else self.patient_id


@dataclass(frozen=True, slots=True)
class StudyRestriction:
    """The studies that a credential may see: those that have a value of each attribute that is named, at least one.

    `referring_physicians` are Person Names (0008,0090), whatever their case. `modalities` are those of any series.
    `study_dates` are dates or ranges (PS3.4 C.2.2.2.5), or "90d" for the last 90 days and today.
    """

    patients: tuple[RestrictedPatient, ...] = ()
    referring_physicians: tuple[str, ...] = field(default=(), repr=False)
    modalities: tuple[str, ...] = ()
    study_dates: tuple[str, ...] = ()

    @property
    def attributes(self) -> tuple[str, ...]:
        """The names of the attributes that are looked at."""
        return tuple(to_json(self))

    def on(self, today: date) -> "StudyRestriction":
        """What it is on that day: with dates in place of days that count back."""
        return StudyRestriction(
            self.patients,
            self.referring_physicians,
            self.modalities,
            tuple(_absolute(text, today) for text in self.study_dates),
        )

    def test(self) -> StudyTest:
        """Compile it, as it is `on` a day, into a test of study attributes; what a study does not state it has not."""
        groups = [
            [_patient_test(patient) for patient in self.patients],
            [_value_test("PN", REFERRING_PHYSICIAN, name) for name in self.referring_physicians],
            [_value_test("UI", MODALITIES_IN_STUDY, modality) for modality in self.modalities],  # compared as it stands
            [_value_test("DA", STUDY_DATE, text) for text in self.study_dates],
        ]
        named = [group for group in groups if group]
        return lambda attributes: all(any(test(attributes) for test in group) for group in named)


def make_restriction(
    *,
    patients: Iterable[RestrictedPatient] = (),
    referring_physicians: Iterable[str] = (),
    modalities: Iterable[str] = (),
    study_dates: Iterable[str] = (),
) -> StudyRestriction:
    """A restriction of values that were checked, each once.

    Raises:
        InvalidArgumentError: naming the attribute whose value is malformed, or of which there are too many; or
            `restriction`, when nothing is named at all.
    """
    made = StudyRestriction(
        tuple(dict.fromkeys(map(_checked_patient, patients))),
        _checked(referring_physicians, "referring_physicians", _parse_name),
        _checked(modalities, "modalities", _parse_modality),
        _checked(study_dates, "study_dates", _parse_study_date),
    )
    for name, values in (("patients", made.patients), *_texts(made)):
        if len(values) > MAX_VALUES:
            raise InvalidArgumentError(name, f"at most {MAX_VALUES} values")
    if made == StudyRestriction():
        raise InvalidArgumentError(
            "restriction", "names nothing that a study could have; leave it out to restrict nothing"
        )
    return made


def parse_patient(text: str) -> RestrictedPatient:
    """Read "4711" or, with an issuer, "4711^^^NORTH"; it is checked when the restriction is made."""
    patient_id, _, issuer = text.partition(_ISSUER_MARK)
    return RestrictedPatient(patient_id, issuer) if issuer else RestrictedPatient(text)


def to_json(restriction: StudyRestriction) -> dict[str, Any]:
    """What is kept of it: lists by name."""
    return {name: value for name, value in asdict(restriction).items() if value}


def from_json(kept: Mapping[str, Any]) -> StudyRestriction:
    """What `to_json` made, again. Raises InvalidArgumentError for anything else, so that nobody is admitted by it."""
    try:
        patients = [RestrictedPatient(**patient) for patient in kept.get("patients", ())]
        return make_restriction(**{**kept, "patients": patients})
    except TypeError:
        raise InvalidArgumentError("restriction", "holds what this release does not know") from None


def _texts(restriction: StudyRestriction) -> Sequence[tuple[str, tuple[str, ...]]]:
    return (
        ("referring_physicians", restriction.referring_physicians),
        ("modalities", restriction.modalities),
        ("study_dates", restriction.study_dates),
    )


def _checked(values: Iterable[str], field_name: str, parse: Callable[[str, str], str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(parse(value, field_name) for value in values))


def _checked_patient(patient: RestrictedPatient) -> RestrictedPatient:
    issuer = _parse_literal(patient.issuer, "patients.issuer") if patient.issuer else ""
    return RestrictedPatient(_parse_literal(patient.patient_id, "patients.patient_id"), issuer)


def _parse_literal(value: str, field_name: str) -> str:
    stripped = value.strip()
    if not _LITERAL.fullmatch(stripped):
        raise InvalidArgumentError(
            field_name, "1 to 64 characters, without backslashes, '*', '?' and control characters"
        )
    return stripped


def _parse_name(value: str, field_name: str) -> str:
    name = _parse_literal(value, field_name)
    # "^" and "=" alone would match names that are empty, groups that a name has not would not be compared
    if not any(character.isalnum() for character in name) or name.count("=") >= _MAX_NAME_GROUPS:
        raise InvalidArgumentError(field_name, "a Person Name such as DOE^JANE")
    return name


def _parse_modality(value: str, field_name: str) -> str:
    code = value.strip().upper()
    if not _CODE.fullmatch(code):
        raise InvalidArgumentError(field_name, "a Modality has 1 to 16 of A-Z, 0-9, space and '_', such as CT")
    return code


def _parse_study_date(value: str, field_name: str) -> str:
    text = value.strip()
    if days := _LAST_DAYS.fullmatch(text):
        if int(days[1]) > MAX_DAYS:
            raise InvalidArgumentError(field_name, f"at most the last {MAX_DAYS} days")
        return text
    if text in ("", "*", "-"):
        raise InvalidArgumentError(field_name, "a date, a range such as 20260101-20260630 or 20260101-, or 90d")
    return parse_match_value((STUDY_DATE,), text, field_name)


def _absolute(text: str, today: date) -> str:
    days = _LAST_DAYS.fullmatch(text)
    return f"{today - timedelta(days=int(days[1])):%Y%m%d}-" if days else text


def _patient_test(patient: RestrictedPatient) -> StudyTest:
    wanted = {PATIENT_ID: patient.patient_id} | ({ISSUER_OF_PATIENT_ID: patient.issuer} if patient.issuer else {})
    return lambda attributes: all(first_value(attributes, tag).strip() == value for tag, value in wanted.items())


def _value_test(vr: str, tag: str, key: str) -> StudyTest:
    test = value_test(vr, key)
    return lambda attributes: any(
        value is not None and test(value) for value in attributes.get(tag, {}).get("Value") or ()
    )
