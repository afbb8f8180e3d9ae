"""QIDO-RS against the running server."""

import json

import grpc
import pytest

from radgate_server.core.audit.record import AuditAction
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.errors import PacsUnreachableError
from radgate_server.rpc.dicomweb.search.qido import render_matches
from radgate_server.services.audit.recording import LISTED_S
from radgate_server.services.query.merging import SourcedMatch
from radgate_server.services.query.search import QueryPage
from tests.rpc.calls import reason_of
from tests.rpc.dicomweb.web import Answer, Web
from tests.rpc.rig import EAST_STUDY, WEST_STUDY, Rig

SERIES = f"{EAST_STUDY}.1"


def uids(answer: Answer, tag: str) -> list[str]:
    assert answer.error is None
    return [match[tag]["Value"][0] for match in json.loads(answer.body)]


@pytest.mark.parametrize(
    ("url", "tag", "expected"),
    [
        ("/studies", "0020000D", [EAST_STUDY]),
        ("/studies?PatientName=*ller*&limit=101&offset=0&fuzzymatching=false&includefield=", "0020000D", [EAST_STUDY]),
        (f"/studies?StudyInstanceUID={EAST_STUDY},{WEST_STUDY}", "0020000D", [EAST_STUDY]),
        ("/series", "0020000E", [f"{EAST_STUDY}.1", f"{EAST_STUDY}.2"]),
        (f"/studies/{EAST_STUDY}/series?SeriesNumber=2", "0020000E", [f"{EAST_STUDY}.2"]),
        ("/instances?limit=2&offset=1", "00080018", [f"{SERIES}.2", f"{SERIES}.3"]),
        (f"/studies/{EAST_STUDY}/instances?offset=4", "00080018", [f"{EAST_STUDY}.2.2", f"{EAST_STUDY}.2.3"]),
        (f"/studies/{EAST_STUDY}/series/{SERIES}/instances", "00080018", [f"{SERIES}.{n}" for n in (1, 2, 3)]),
    ],
)
async def test_every_path_finds(web: Web, url: str, tag: str, expected: list[str]) -> None:
    answer = await web.get(url)
    assert uids(answer, tag) == expected
    assert answer.content_type == "application/dicom+json"


@pytest.mark.parametrize(("url", "asked"), [("/instances?limit=1", 2), ("/series?limit=1", 2)])
async def test_the_first_page_of_an_archive_wide_search_asks_the_pacs_for_no_more(
    rig: Rig, web: Web, url: str, asked: int
) -> None:
    answer = await web.get(url)
    assert len(json.loads(answer.body)) == 1
    assert answer.header("warning") == ['299 radgate "There are additional results that can be requested"']
    assert rig.east.max_results[-1] == asked


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("/studies", f"/studies/{EAST_STUDY}"),
        ("/series", f"/studies/{EAST_STUDY}/series/{SERIES}"),
        ("/instances", f"/studies/{EAST_STUDY}/series/{SERIES}/instances/{SERIES}.1"),
    ],
)
async def test_matches_say_where_they_are_retrieved(web: Web, url: str, place: str) -> None:
    answer = await web.get(url, x_forwarded_proto="https")
    match = json.loads(answer.body)[0]
    assert match["00081190"] == {"vr": "UR", "Value": [f"https://pacs.example/dicom-web{place}"]}
    assert list(match) == sorted(match)


@pytest.mark.parametrize(("values", "is_notified"), [({"Value": ["CT"]}, True), ({}, False)])
def test_a_study_of_unknown_modality_has_no_empty_list_of_them(values: dict[str, object], is_notified: bool) -> None:
    attributes = {"0020000D": {"vr": "UI", "Value": [EAST_STUDY]}, "00080061": {"vr": "CS", **values}}
    page = QueryPage((SourcedMatch(attributes, ("main",)),), has_more=False, warnings=())
    match = json.loads(render_matches(page, QueryLevel.STUDY, "http://here"))[0]
    assert ("00080061" in match) == is_notified


async def test_text_beyond_ascii_names_its_character_set(web: Web) -> None:
    (study,) = json.loads((await web.get("/studies")).body)
    assert study["00100010"]["Value"] == [{"Alphabetic": "Müller^Jürgen"}]
    assert study["00080005"] == {"vr": "CS", "Value": ["ISO_IR 192"]}
    assert list(study) == sorted(study)


def test_an_instance_of_unknown_transfer_syntaxes_has_no_empty_list_of_them() -> None:
    attributes = {"00080018": {"vr": "UI", "Value": ["1.2"]}, "00083002": {"vr": "UI"}}
    page = QueryPage((SourcedMatch(attributes, ("main",)),), has_more=False, warnings=())
    assert "00083002" not in json.loads(render_matches(page, QueryLevel.IMAGE, "http://here"))[0]


@pytest.mark.parametrize("asked", ["", "?includefield=AvailableTransferSyntaxUID"])
async def test_an_instance_that_is_cached_has_its_transfer_syntax(rig: Rig, web: Web, asked: str) -> None:
    series = f"/studies/{EAST_STUDY}/series/{SERIES}"
    assert "00083002" not in (await web.get(f"{series}/instances{asked}")).body.decode()
    await web.get(f"{series}/instances/{SERIES}.1/metadata")
    matches = json.loads((await web.get(f"{series}/instances{asked}")).body)
    reported = {match["00080018"]["Value"][0]: match.get("00083002") for match in matches}
    assert reported.pop(f"{SERIES}.1") == {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]}
    assert set(reported.values()) == {None}


async def test_more_included_fields_than_a_search_may_name_are_refused(web: Web) -> None:
    answer = await web.get("/studies?includefield=" + ",".join(["PatientID"] * 201))
    assert answer.error is not None
    assert reason_of(answer.error) == "INVALID_ARGUMENT"


async def test_an_answer_too_large_for_the_gateway_says_what_to_do(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radgate_server.core.query.json_text.MAX_ANSWER_BYTES", 2000)
    answer = await web.get("/instances")
    assert answer.error is not None
    assert reason_of(answer.error) == "INVALID_ARGUMENT"
    assert (await web.get("/instances?limit=1")).error is None


async def test_no_match_is_an_empty_list(web: Web) -> None:
    answer = await web.get("/studies?PatientID=nobody")
    assert (answer.body, answer.error, answer.header("warning")) == (b"[]", None, [])


async def test_an_outage_is_no_empty_list(rig: Rig, web: Web) -> None:
    rig.east.refuse_with = PacsUnreachableError("no connection", pacs="main")
    answer = await web.get("/studies")
    assert answer.error is not None
    assert reason_of(answer.error) == "PACS_UNREACHABLE"


async def test_more_results_are_announced_from_the_pacs_and_from_memory(web: Web) -> None:
    expected = ['299 radgate "There are additional results that can be requested"']
    assert [(await web.get("/instances?limit=2")).header("warning") for _ in range(2)] == [expected, expected]


async def test_ignored_parameters_are_announced(rig: Rig, web: Web) -> None:
    answer = await web.get("/studies?PatientNme=x&includefield=Nonsense")
    assert answer.header("warning") == ['299 radgate "No attributes of DICOM, and ignored: PatientNme, Nonsense"']
    assert uids(answer, "0020000D") == [EAST_STUDY]


async def test_the_same_search_is_answered_from_memory_for_a_while(rig: Rig, web: Web) -> None:
    first = await web.get("/studies?PatientID=P-1")
    assert (await web.get("/studies?PatientID=P-1")).body == first.body
    assert rig.east.calls["find"] == 1
    rig.clock.advance(6)
    await web.get("/studies?PatientID=P-1")
    assert rig.east.calls["find"] == 2


async def test_answers_in_memory_belong_to_their_tenant_and_address(rig: Rig, web: Web) -> None:
    await web.get("/studies")
    west = Web(web.channel, await rig.key("west"))
    assert uids(await west.get("/studies"), "0020000D") == [WEST_STUDY]
    elsewhere = await web.get("/studies", forwarded="host=other.example")
    assert b"http://other.example/dicom-web" in elsewhere.body


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [("application/json", "application/json"), ("application/dicom+json, */*;q=0.1", "application/dicom+json")],
)
async def test_content_types(web: Web, accept: str, content_type: str) -> None:
    assert (await web.get("/studies", accept)).content_type == content_type


@pytest.mark.parametrize(
    ("url", "accept", "reason"),
    [
        ("/studies", "application/dicom+xml", "NOT_ACCEPTABLE"),
        ("/studies?accept=text/html", "application/json", "NOT_ACCEPTABLE"),
        ("/studies", "nonsense", "INVALID_ARGUMENT"),
        ("/studies?limit=-5", "", "INVALID_ARGUMENT"),
        ("/studies/abc/series", "", "INVALID_ARGUMENT"),
        ("/studies?StudyDate=never", "", "INVALID_ARGUMENT"),
    ],
)
async def test_bad_requests(rig: Rig, web: Web, url: str, accept: str, reason: str) -> None:
    answer = await web.get(url, accept)
    assert answer.error is not None
    assert reason_of(answer.error) == reason
    assert rig.east.calls["find"] == 0


async def test_every_search_is_recorded_before_it_is_answered(rig: Rig, web: Web) -> None:
    await web.get(f"/studies/{EAST_STUDY}/series")
    await web.get(f"/studies/{EAST_STUDY}/series")
    assert rig.audit.actions == [AuditAction.QUERY] * 2
    assert {(entry.study_instance_uid, entry.detail) for entry in rig.audit.entries} == {(EAST_STUDY, "SERIES")}
    rig.audit.broken = True
    answer = await web.get(f"/studies/{EAST_STUDY}/series")
    assert answer.error is not None
    assert reason_of(answer.error) == "AUDIT_UNAVAILABLE"


async def test_several_accept_headers_are_one_list(web: Web) -> None:
    answer = await web.get("/studies", ("text/html", "application/json"))
    assert answer.content_type == "application/json"


@pytest.mark.parametrize("query", ["PatientID=P-1", "limit=5&00100020=P-1", "PatientID=%50-1"])
async def test_the_patient_searched_for_is_recorded_of_kept_answers_too(rig: Rig, web: Web, query: str) -> None:
    for _ in range(2):
        answer = await web.get(f"/studies?{query}")
    assert [entry.patient_id for entry in rig.audit.entries if entry.action == AuditAction.QUERY] == ["P-1", "P-1"]
    size_bytes = rig.audit.entries[-1].size_bytes
    assert size_bytes is not None
    assert size_bytes >= len(answer.body)


async def test_patient_and_pacs_of_a_study_that_was_found_are_recorded_when_it_is_opened(rig: Rig, web: Web) -> None:
    await web.get("/studies")
    await web.get(f"/studies/{EAST_STUDY}/series/{EAST_STUDY}.1/metadata")
    reported = [(entry.action, entry.patient_id, entry.pacs) for entry in rig.audit.entries[1:]]
    assert reported == [(AuditAction.QUERY, "", ""), (AuditAction.RETRIEVE_METADATA, "P-1", "main")]


async def test_who_was_shown_which_patient_in_a_list_is_recorded_before_the_answer(
    rig: Rig, web: Web, channel: grpc.aio.Channel
) -> None:
    first = await web.get("/studies?PatientName=*ller*")
    listed, asked = rig.audit.entries
    assert (listed.action, listed.study_instance_uid, listed.patient_id) == (AuditAction.LIST, EAST_STUDY, "P-1")
    assert (asked.action, asked.patient_id) == (AuditAction.QUERY, "")
    digest = asked.detail.removeprefix("STUDY; list ")
    assert listed.detail == f"list {digest}: studies 1 to 1 of 1"
    # From memory, and to the same user: it is in the trail already.
    again = await web.get("/studies?PatientName=*ller*")
    assert again.body == first.body
    assert [entry.action for entry in rig.audit.entries[2:]] == [AuditAction.QUERY]
    assert rig.audit.entries[2].detail == asked.detail
    await Web(channel, await rig.key("east")).get("/studies?PatientName=*ller*")
    assert [entry.action for entry in rig.audit.entries[3:]] == [AuditAction.LIST, AuditAction.QUERY]
    rig.clock.advance(LISTED_S)
    await web.get("/studies?PatientName=*ller*")
    assert [entry.action for entry in rig.audit.entries[5:]] == [AuditAction.LIST, AuditAction.QUERY]


async def test_a_list_that_can_not_be_recorded_is_not_shown(rig: Rig, web: Web) -> None:
    rig.audit.broken = True
    answer = await web.get("/studies?PatientName=*ller*")
    assert answer.error
    assert reason_of(answer.error) == "AUDIT_UNAVAILABLE"
    rig.audit.broken = False
    await web.get("/studies?PatientName=*ller*")
    assert [entry.action for entry in rig.audit.entries] == [AuditAction.LIST, AuditAction.QUERY]


async def test_an_empty_list_and_one_within_a_study_need_no_record_of_their_own(rig: Rig, web: Web) -> None:
    await web.get("/studies?PatientName=nobody")
    await web.get(f"/studies/{EAST_STUDY}/series")
    assert [entry.action for entry in rig.audit.entries] == [AuditAction.QUERY, AuditAction.QUERY]
    assert rig.audit.entries[1].study_instance_uid == EAST_STUDY
