"""A PACS that answers every question with all that it has, whatever was asked for, and counts nothing."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.query.model import FindResult, Query
from tests.fakes.instances import make_study
from tests.rpc.dicomweb.web import Web
from tests.rpc.rig import EAST_STUDY, Rig
from tests.rpc.test_retrieve import Viewer
from tests.rpc.test_retrieve import viewer as viewer

OTHER = "2.25.8"
COUNTS = {"00080061", "00201206", "00201208", "00201209"}

type Find = Callable[..., Awaitable[FindResult]]


def unasked(find: Find) -> Find:
    async def answer(query: Query, *, max_results: int) -> FindResult:
        keys = () if query.level is not QueryLevel.STUDY else query.keys
        asked = replace(
            query, keys=keys, include=tuple(dict.fromkeys((*query.include, *(key.path for key in query.keys))))
        )
        result = await find(asked, max_results=max_results)
        matches = ({tag: one for tag, one in match.items() if tag not in COUNTS} for match in result.matches)
        return replace(result, matches=tuple(matches), exact=False)

    return answer


@pytest.fixture(autouse=True)
def liar(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.east.add(*make_study(5, study=OTHER))
    monkeypatch.setattr(rig.east, "find", unasked(rig.east.find))


@pytest.mark.parametrize("route", ["", "/metadata"])
@pytest.mark.parametrize(("path", "count"), [("", 6), (f"/series/{EAST_STUDY}.1", 3)])
async def test_rows_of_another_study_are_not_listed(rig: Rig, web: Web, path: str, count: int, route: str) -> None:
    answer = await web.get(f"/studies/{EAST_STUDY}{path}{route}")
    assert answer.error is None
    assert len(json.loads(answer.body) if route else answer.parts) == count
    assert OTHER.encode() + b"." not in answer.body
    assert {scope.study_instance_uid for scope in rig.east.scopes} == {EAST_STUDY}


async def test_the_completeness_record_counts_the_study_alone(viewer: Viewer) -> None:
    found, record = await viewer.instances(study_instance_uid=EAST_STUDY)
    assert (len(found), record.expected, record.delivered) == (6, 6, 6)


@pytest.mark.parametrize("path", ["/studies", f"/studies?StudyInstanceUID={EAST_STUDY}"])
async def test_counts_are_of_the_study_alone(web: Web, path: str) -> None:
    counts = {
        match["0020000D"]["Value"][0]: [match[tag]["Value"][0] for tag in ("00201206", "00201208")]
        for match in json.loads((await web.get(path)).body)
    }
    assert counts == {EAST_STUDY: [2, 6]} | ({OTHER: [1, 5]} if "?" not in path else {})


async def test_an_instance_is_not_found_in_another_study(web: Web) -> None:
    answer = await web.get(f"/studies/{EAST_STUDY}/series/{EAST_STUDY}.1/instances/{OTHER}.1.1")
    assert answer.error is not None
    assert answer.body == b""
