"""What an Orthanc is asked about labels, and one that knows none."""

from typing import Any, cast

import pytest

from radgate_server.adapters.pacs.orthanc.changes import OrthancChanges
from radgate_server.adapters.pacs.orthanc.find import OrthancQuery
from radgate_server.adapters.pacs.orthanc.known_studies import KnownStudies
from radgate_server.adapters.pacs.orthanc.labels import LabelledStudies
from radgate_server.adapters.pacs.orthanc.rest import OrthancRest
from radgate_server.adapters.pacs.orthanc.retrieve import OrthancReader
from radgate_server.adapters.pacs.orthanc.store import OrthancStore
from radgate_server.core.dicom.identifiers import QueryLevel, RetrieveScope
from radgate_server.core.errors import PacsCannotError
from radgate_server.core.pacs.labels import LabelsConstraint, StudyLabels
from radgate_server.core.query.model import Query
from tests.fakes.instances import make_dataset, received


class PlainOrthanc:
    """Has one study, of one instance, and would answer with it whatever labels are asked for."""

    pacs = "main"

    def __init__(self, **system: Any) -> None:
        self.system = {"Version": "1.11.3", **system}
        self.asked: list[str] = []

    async def get(self, path: str, **_: str) -> Any:
        self.asked.append(path)
        rows = [{"ChangeType": "NewStudy", "ResourceType": "Study", "ID": "a", "Seq": 7}]
        return self.system if path == "/system" else {"Changes": rows, "Last": 7, "Done": True}

    async def ask(self, path: str, body: dict[str, Any]) -> Any:
        self.asked.append(path)
        if path == "/tools/find" and not body.get("Since"):
            return [{"ID": "a", "RequestedTags": {"0020,000d": "1.2"} if body.get("Short") else {"PatientID": "P"}}]
        return [{"ID": "a", "MainDicomTags": {"0020,000d": "1.2"}}] if path == "/tools/bulk-content" else []


def roads(
    orthanc: PlainOrthanc, labels: StudyLabels
) -> tuple[OrthancQuery, OrthancReader, OrthancChanges, OrthancStore]:
    rest, known = cast("OrthancRest", orthanc), KnownStudies()
    labelled = LabelledStudies(rest, labels)
    query = OrthancQuery(rest, known, labelled)
    reader = OrthancReader(rest, query, known, labelled, at_once=1, max_instance_bytes=1000)
    return query, reader, OrthancChanges(rest, known, labelled), OrthancStore(rest, labelled)


@pytest.mark.parametrize("constraint", LabelsConstraint)
@pytest.mark.parametrize("system", [{}, {"HasLabels": False}])
async def test_an_orthanc_that_would_ignore_labels_shows_nothing(
    constraint: LabelsConstraint, system: dict[str, bool]
) -> None:
    query, reader, changes, store = roads(PlainOrthanc(**system), StudyLabels(("mine",), constraint))
    for level in QueryLevel:
        with pytest.raises(PacsCannotError, match=r"1\.12\.0"):
            await query.find(Query(level), max_results=10)
    with pytest.raises(PacsCannotError):
        async with reader.retrieve(RetrieveScope("1.2"), []):
            raise AssertionError
    with pytest.raises(PacsCannotError):
        await changes.changes_after(3)
    with pytest.raises(PacsCannotError):
        await store.store(received(make_dataset("1.2", "1.2.1", "1.2.1.1")))


async def test_it_is_asked_once_whether_it_knows_labels() -> None:
    orthanc = PlainOrthanc(HasLabels=True)
    query, *_ = roads(orthanc, StudyLabels(("mine",)))
    for _ in range(3):
        await query.find(Query(QueryLevel.STUDY), max_results=10)
    assert orthanc.asked.count("/system") == 1


async def test_without_labels_it_is_not_asked() -> None:
    orthanc = PlainOrthanc()
    query, *_ = roads(orthanc, StudyLabels())
    assert (await query.find(Query(QueryLevel.STUDY), max_results=10)).matches
    assert "/system" not in orthanc.asked
