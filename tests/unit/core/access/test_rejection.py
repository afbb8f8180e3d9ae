"""What a rejection note hides."""

import json
from io import BytesIO

import pydicom
import pytest

from radgate_server.core.access.rejection_notes import NOTE_IS_HIDDEN, hidden_by
from radgate_server.core.dicom.data_sets import DicomJson
from tests.fakes.instances import make_instance
from tests.fakes.rejection_notes import OF_INTEREST, PATIENT_SAFETY, QUALITY, RETENTION, WORKLIST, make_note

STUDY = "2.25.7"
IMAGES = (f"{STUDY}.1.1", f"{STUDY}.1.2", f"{STUDY}.2.1")


def model(file: bytes) -> DicomJson:
    read: DicomJson = json.loads(pydicom.dcmread(BytesIO(file)).to_json())
    return read


@pytest.mark.parametrize("title", [PATIENT_SAFETY, WORKLIST, RETENTION])
def test_a_note_and_what_it_rejects_are_hidden(title: str) -> None:
    assert hidden_by(model(make_note(STUDY, IMAGES, title=title))) == {*IMAGES, f"{STUDY}.99.1"}


def test_a_note_for_quality_reasons_stays_visible() -> None:
    assert hidden_by(model(make_note(STUDY, IMAGES, title=QUALITY))) == set(IMAGES)


def test_titles_are_those_of_the_profile() -> None:
    assert set(NOTE_IS_HIDDEN) == {QUALITY, PATIENT_SAFETY, WORKLIST, RETENTION}


def test_other_key_objects_and_images_hide_nothing() -> None:
    assert hidden_by(model(make_note(STUDY, IMAGES, title=OF_INTEREST))) == set()
    assert hidden_by(model(make_instance(STUDY, f"{STUDY}.1", f"{STUDY}.1.1"))) == set()
    private = model(make_note(STUDY, IMAGES))
    private["0040A043"]["Value"][0]["00080102"]["Value"] = ["99LOCAL"]
    assert hidden_by(private) == set()


def test_instances_of_other_studies_are_not_rejected() -> None:
    note = make_note(STUDY, ("2.25.8.1.1",), of_study="2.25.8", title=QUALITY)
    assert hidden_by(model(note)) == set()


def test_a_note_that_does_not_say_what_it_rejects_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not say"):
        hidden_by(model(make_note(STUDY, ())))
    nameless = model(make_note(STUDY, IMAGES))
    del nameless["0040A375"]["Value"][0]["00081115"]["Value"][0]["00081199"]["Value"][0]["00081155"]
    with pytest.raises(ValueError, match="does not say"):
        hidden_by(nameless)
