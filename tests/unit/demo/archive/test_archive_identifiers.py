"""Identifiers of the DIMSE archive: to queries and scopes, and back."""

from typing import Any

import pytest
from pydicom.dataset import Dataset

from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.dicom.identifiers import QueryLevel, RetrieveScope
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.query.model import MatchingKey, Query
from radgate_server.demo.archive.contexts import MAX_CONTEXTS, storage_contexts
from radgate_server.demo.archive.identifiers import query_of, response_of, scopes_of


def identifier(level: str, **values: Any) -> DicomJson:
    """An identifier by keywords, as it is decoded."""
    dataset = Dataset()
    dataset.QueryRetrieveLevel = level
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dict(dataset.to_json_dict())


def test_values_are_keys_and_empty_attributes_are_asked_for() -> None:
    step = Dataset()
    step.ScheduledProcedureStepID = "S"
    step.RequestedProcedureID = ""
    request = identifier(
        "SERIES",
        SpecificCharacterSet="ISO_IR 192",
        PatientName="Yamada^Tarou=山田^太郎",
        ModalitiesInStudy=["CT", "MR"],
        SeriesNumber=7,
        StudyDate="",
        RequestAttributesSequence=[step],
    )
    assert query_of(request) == Query(
        QueryLevel.SERIES,
        (
            MatchingKey(("00080061",), "CT\\MR"),
            MatchingKey(("00100010",), "Yamada^Tarou=山田^太郎"),
            MatchingKey(("00200011",), "7"),
            MatchingKey(("00400275", "00400009"), "S"),
        ),
        (("00080020",), ("00400275", "00401001")),
    )


def test_scopes_are_all_combinations_of_the_uids() -> None:
    study = identifier("STUDY", StudyInstanceUID=["1", "2"])
    image = identifier("IMAGE", StudyInstanceUID="1", SeriesInstanceUID="1.1", SOPInstanceUID=["1.1.1", "1.1.2"])
    assert scopes_of(study) == [RetrieveScope("1"), RetrieveScope("2")]
    assert scopes_of(image) == [RetrieveScope("1", "1.1", "1.1.1"), RetrieveScope("1", "1.1", "1.1.2")]


@pytest.mark.parametrize(
    "request_identifier",
    [{}, identifier("PATIENT", PatientID="P"), identifier("SERIES", SeriesInstanceUID="1.1"), identifier("STUDY")],
)
def test_a_scope_needs_its_level_and_all_uids_down_to_it(request_identifier: DicomJson) -> None:
    with pytest.raises(InvalidArgumentError):
        scopes_of(request_identifier)


def test_the_response_holds_what_was_asked_for() -> None:
    request = identifier("STUDY", PatientName="", StudyID="", StudyInstanceUID="")
    match: DicomJson = {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Müller^Jürgen"}]},
        "00100020": {"vr": "LO", "Value": ["not asked for"]},
        "0020000D": {"vr": "UI", "Value": ["1.2"]},
    }
    response = response_of(match, request, "ARCHIVE")
    assert {element.keyword: str(element.value or "") for element in response} == {
        "SpecificCharacterSet": "ISO_IR 192",
        "QueryRetrieveLevel": "STUDY",
        "RetrieveAETitle": "ARCHIVE",
        "PatientName": "Müller^Jürgen",
        "StudyInstanceUID": "1.2",
        "StudyID": "",
    }


def test_a_value_that_can_not_be_costs_only_itself() -> None:
    request = identifier("IMAGE", InstanceNumber="", Rows="")
    match: DicomJson = {
        "00200013": {"vr": "IS", "Value": ["seven"]},
        "00280010": {"vr": "US", "Value": [8]},
        "00080018": {"vr": "UI", "Value": ["1.2"]},
    }
    response = response_of(match, request, "ARCHIVE")
    assert (response.Rows, response.SOPInstanceUID) == (8, "1.2")
    assert "InstanceNumber" not in response


@pytest.mark.parametrize("classes", [1, 4, 60, 200])
def test_a_move_never_proposes_more_contexts_than_there_can_be(classes: int) -> None:
    contexts = storage_contexts(f"1.2.{number}" for number in range(classes))
    assert len(contexts) <= MAX_CONTEXTS
    assert all(len(context.transfer_syntax) == 1 for context in contexts)
    assert len({context.abstract_syntax for context in contexts}) == min(classes, MAX_CONTEXTS)
