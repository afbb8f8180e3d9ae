"""The conformance statement says what the code does."""

import re
from pathlib import Path

import pytest

from radgate_server.adapters.pacs.dimse.association import contexts
from radgate_server.core.dicom.dataset.file_meta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.pacs.connections import DimseConnection
from radgate_server.core.prefetch.worklist import RETURN_KEYS
from radgate_server.core.query.return_attributes import LEVEL_ATTRIBUTES
from radgate_server.settings.settings import Settings

STATEMENT = (Path(__file__).parents[2] / "docs" / "conformance-statement.md").read_text(encoding="utf-8")


def test_it_names_what_is_negotiated() -> None:
    for uid in (contexts.STUDY_ROOT_FIND, contexts.STUDY_ROOT_GET, contexts.STUDY_ROOT_MOVE, contexts.VERIFICATION):
        assert uid in STATEMENT
    assert f"{contexts.MODALITY_WORKLIST_FIND}, on an association of its own" in STATEMENT
    assert f"| Implementation Class UID | {IMPLEMENTATION_CLASS_UID} |" in STATEMENT
    assert f"| Implementation Version Name | {IMPLEMENTATION_VERSION_NAME} |" in STATEMENT
    assert f"the {len(contexts._USUAL_STORAGE)} usual ones" in STATEMENT
    assert str(contexts.MAX_CONTEXTS) in STATEMENT


def test_it_lists_what_is_asked_of_a_worklist() -> None:
    (asked,) = re.findall(r"Requested are (.*?), and no name", STATEMENT, re.DOTALL)
    listed = re.findall(r"\(([0-9A-F]{4}),([0-9A-F]{4})\)", asked)
    assert sorted("".join(tag) for tag in listed) == sorted({tag for path in RETURN_KEYS for tag in path})


def test_it_has_the_defaults() -> None:
    settings = Settings.model_fields
    assert f"`dicom_aet` (`{settings['dicom_aet'].default}`)" in STATEMENT
    assert f"`dicom_port` ({settings['dicom_port'].default})" in STATEMENT
    assert f"`dimse.max_pdu_bytes`, {settings['dimse'].default.max_pdu_bytes} as delivered" in STATEMENT
    connection = DimseConnection("pacs.example", 104, "A", "B")
    assert f"`max_associations` of each PACS, {connection.max_associations} as delivered" in STATEMENT


@pytest.mark.parametrize("level", list(QueryLevel))
def test_it_lists_what_is_requested_at_each_level(level: QueryLevel) -> None:
    (row,) = re.findall(rf"^\| {level.value} \| (.*) \|$", STATEMENT, re.MULTILINE)
    listed = [tag.strip("()").replace(",", "") for tag in row.split()]
    assert listed == sorted(LEVEL_ATTRIBUTES[level])
