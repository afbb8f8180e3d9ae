"""What a message announces: the studies that its orders or appointment will make. Pure functions of the message."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date

from radgate_server.adapters.prefetch.hl7.messages import Message, MessageError, Place, Problem, Segment
from radgate_server.adapters.prefetch.hl7.places import (
    ANNOUNCING_CONTROLS,
    CONTROL,
    ENDED_STATES,
    OF_PURPOSE,
    SECTION,
    STATE,
    Places,
    Purpose,
)
from radgate_server.core.dicom.identifiers import is_uid
from radgate_server.core.prefetch.expected import ExpectedStudy
from radgate_server.core.prefetch.orders.modalities import has_images, modalities_of

_PATIENT_ID = re.compile(r"[^\\*?\x00-\x1f\x7f\ufffd]{1,64}")
"""LO without what would be a wildcard or a list to a PACS, a control character, or something unreadable."""
_MAX_TEXT = 64  # of Study Description, an LO
_MAX_NUMBER = 256
_UNREADABLE = "\ufffd"


def expected_studies(message: Message, purpose: Purpose, assigning_authority: str) -> Sequence[ExpectedStudy]:
    """What is announced, each study once; nothing of orders that are withdrawn or not for images.

    Raises:
        MessageError: there is something, and it can't be used.
    """
    places = OF_PURPOSE.get(purpose)
    needed = "OBR" if purpose is Purpose.ORDERS else "SCH"  # an order without OBR is of a diet, a drug, a supply
    groups = [group for group in _groups(message.segments, purpose) if _announces(group, needed)]
    if places is None or not groups:
        return ()
    patient_id = _patient_id(message.segments, assigning_authority)
    shared = [segment for segment in message.segments if segment.name == "ZDS"]  # one for all orders, behind the last
    expected: dict[str, ExpectedStudy] = {}
    for group in groups:
        segments = [*group, *shared] if len(shared) == 1 else group
        study = _expected(segments, places, patient_id, message.header.value(10))
        first = expected.setdefault(study.event_id, study)
        expected[study.event_id] = replace(first, modalities=first.modalities | study.modalities)
    return tuple(expected.values())


def _groups(segments: Iterable[Segment], purpose: Purpose) -> Iterator[Sequence[Segment]]:
    """The segments of each order: from its ORC on, or from the next OBR below the same ORC; or of the appointment."""
    if purpose is not Purpose.ORDERS:
        yield tuple(segments)
        return
    group: list[Segment] = []
    for segment in segments:
        is_next_request = segment.name == "OBR" and any(known.name == "OBR" for known in group)
        if segment.name == "ORC" or is_next_request:
            yield group
            group = [known for known in group if is_next_request and known.name == "ORC"]
        group.append(segment)
    yield group


def _announces(group: Sequence[Segment], needed: str) -> bool:
    """Whether somebody will make images. An appointment has none of the places, and stands."""
    control, state = _first(group, (CONTROL,)).upper(), _first(group, (STATE,)).upper()
    stands = control in ANNOUNCING_CONTROLS and state not in ENDED_STATES
    return stands and has_images(_first(group, (SECTION,))) and any(segment.name == needed for segment in group)


def _expected(group: Sequence[Segment], places: Places, patient_id: str, control_id: str) -> ExpectedStudy:
    study = _first(group, places.study)
    description = _first(group, places.description)
    return ExpectedStudy(
        patient_id,
        event_id=f"{patient_id}\n{_number(group, places) or control_id}"[:_MAX_NUMBER],
        study_date=_date(_first(group, places.scheduled)),
        modalities=modalities_of(_first(group, places.modality)),
        description="" if _UNREADABLE in description else description[:_MAX_TEXT],
        study_instance_uid=study if is_uid(study) else "",
    )


def _number(group: Sequence[Segment], places: Places) -> str:
    """The number of the order with who gave it (EI: entity identifier, namespace), else its Accession Number."""
    for place in (*places.numbers, *places.accession):
        if number := _first(group, (place,)):
            return f"{place.segment}-{place.field}^{number}^{_first(group, (place._replace(component=2),))}"
    return ""


def _patient_id(segments: Iterable[Segment], assigning_authority: str) -> str:
    """PID-3.1, of the repetition whose assigning authority (PID-3.4, its namespace or universal ID) is this one.

    Raises:
        MessageError: there is none, there are several patients, or it can't be asked for.
    """
    patients = [segment for segment in segments if segment.name == "PID"]
    if len(patients) > 1:
        raise MessageError(Problem.SEVERAL_PATIENTS)
    patient_id = next((_ids(patients[0], assigning_authority) if patients else iter(())), "")
    if not patient_id:
        raise MessageError(Problem.NO_PATIENT)
    if not _PATIENT_ID.fullmatch(patient_id):
        raise MessageError(Problem.PATIENT_ID)
    return patient_id


def _ids(patient: Segment, assigning_authority: str) -> Iterator[str]:
    for repetition in range(1, patient.repetitions(3) + 1):
        authority = {patient.value(3, 4, repetition=repetition, subcomponent=part) for part in (1, 2)}
        found = patient.value(3, 1, repetition=repetition)
        if found and (not assigning_authority or assigning_authority in authority):
            yield found


def _first(group: Iterable[Segment], places: Iterable[Place]) -> str:
    """The first value of these places that there is."""
    segments = tuple(group)
    for place in places:
        for segment in segments:
            if segment.name == place.segment and (value := segment.value(place.field, place.component)):
                return value
    return ""


def _date(text: str) -> date | None:
    """The day of a TS, YYYYMMDD and more (2.A.77); None for what is none, or less precise."""
    day = text[:8]
    try:
        return date.fromisoformat(day) if len(day) == 8 and day.isascii() and day.isdigit() else None
    except ValueError:
        return None
