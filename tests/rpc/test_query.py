import json
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest

from radgate.v1.dicom_pb2 import MatchKey
from radgate.v1.error_reason_pb2 import ERROR_REASON_PACS_UNREACHABLE
from radgate.v1.query_service_pb2 import (
    QUERY_WARNING_REASON_PACS_FAILED,
    SearchInstancesRequest,
    SearchSeriesRequest,
    SearchStudiesRequest,
    WatchStudiesRequest,
)
from radgate.v1.query_service_pb2_grpc import QueryServiceStub
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.errors import PacsCredentialsError, PacsUnreachableError
from radgate_server.core.pacs.connections import FolderConnection, PacsConfig
from radgate_server.services.audit.recording import LISTED_S
from radgate_server.services.cache.watching import StudyEvent
from tests.fakes.clock import START
from tests.rpc.callers import GATEWAY_SECRET
from tests.rpc.calls import reason_of, rich_status_of, trailer_of
from tests.rpc.rig import EAST_STUDY, Rig


class Viewer:
    """Calls QueryService as a viewer of the tenant east."""

    def __init__(self, channel: grpc.aio.Channel, token: str) -> None:
        self._stub: Any = QueryServiceStub(channel)
        self._metadata = (
            ("authorization", f"bearer {token}"),
            ("x-request-id", "r-7"),
            ("x-radgate-client", f"7 9.9.9.9 {GATEWAY_SECRET}"),
        )

    async def __call__(self, rpc: str, request: object) -> Any:
        return await getattr(self._stub, rpc)(request, metadata=self._metadata)


@pytest.fixture
async def search(rig: Rig, channel: grpc.aio.Channel) -> Viewer:
    return Viewer(channel, await rig.key("east"))


async def test_a_study_is_found_and_audited_with_who_asked(rig: Rig, search: Viewer) -> None:
    keys = [MatchKey(attribute="PatientID", value="P-1"), MatchKey(attribute="StudyDate", value="20260101-")]
    response = await search("SearchStudies", SearchStudiesRequest(keys=keys))
    study = response.studies[0]
    assert (len(response.studies), study.study_instance_uid) == (1, EAST_STUDY)
    assert study.patient_name.alphabetic == "Müller^Jürgen"
    assert json.loads(study.dicom_json)["00100020"]["Value"] == ["P-1"]
    assert (list(study.pacs), response.next_page_token) == (["main"], "")
    entry = rig.audit.entries[-1]
    assert (entry.patient_id, entry.principal) == ("P-1", "test")
    assert (entry.action, entry.detail[:12], entry.tenant_id) == (AuditAction.QUERY, "STUDY; list ", "east")
    assert (entry.request_id, entry.address, entry.role) == ("r-7", "9.9.9.9", "viewer")
    assert "grpc-python" in entry.user_agent


async def test_text_beyond_ascii_names_its_character_set(search: Viewer) -> None:
    study = (await search("SearchStudies", SearchStudiesRequest())).studies[0]
    assert json.loads(study.dicom_json)["00080005"] == {"vr": "CS", "Value": ["ISO_IR 192"]}


async def test_no_match_is_an_empty_answer(search: Viewer) -> None:
    request = SearchStudiesRequest(keys=[MatchKey(attribute="PatientID", value="nobody")])
    assert not (await search("SearchStudies", request)).studies


async def test_pages_hold_everything_once(search: Viewer) -> None:
    seen, token = [], ""
    while True:
        request = SearchInstancesRequest(study_instance_uid=EAST_STUDY, page_size=4, page_token=token)
        response = await search("SearchInstances", request)
        seen += [instance.sop_instance_uid for instance in response.instances]
        if not (token := response.next_page_token):
            break
    assert len(seen) == len(set(seen)) == 6


async def test_series_are_found_below_their_study(rig: Rig, search: Viewer) -> None:
    response = await search("SearchSeries", SearchSeriesRequest(study_instance_uid=EAST_STUDY))
    assert [series.series_number for series in response.series] == [1, 2]
    assert rig.audit.entries[-1].study_instance_uid == EAST_STUDY


@pytest.mark.parametrize(
    ("rpc", "request_", "field"),
    [
        ("SearchStudies", SearchStudiesRequest(keys=[MatchKey(attribute="Nonsense")]), "keys[0].attribute"),
        ("SearchStudies", SearchStudiesRequest(page_size=-1), "page_size"),
        ("SearchStudies", SearchStudiesRequest(page_token="nonsense"), "page_token"),
        ("SearchStudies", SearchStudiesRequest(include_fields=["PatientID"] * 201), "include_fields"),
        ("SearchStudies", SearchStudiesRequest(keys=[MatchKey(attribute="PatientID", value="1")] * 201), "keys"),
        (
            "SearchStudies",
            SearchStudiesRequest(keys=[MatchKey(attribute="StudyInstanceUID", value="1.2\\" * 1000 + "1.2")]),
            "keys[0].value",
        ),
        ("SearchSeries", SearchSeriesRequest(study_instance_uid="1.x"), "study_instance_uid"),
        ("SearchInstances", SearchInstancesRequest(series_instance_uid="1.2"), "study_instance_uid"),
    ],
)
async def test_a_malformed_request_names_its_field(search: Viewer, rpc: str, request_: object, field: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await search(rpc, request_)
    assert (caught.value.code(), reason_of(caught.value)) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    bad = BadRequest()
    assert any(detail.Unpack(bad) for detail in rich_status_of(caught.value).details)
    assert [violation.field for violation in bad.field_violations] == [field]


async def test_an_outage_is_not_an_empty_answer(rig: Rig, search: Viewer) -> None:
    rig.east.refuse_with = PacsUnreachableError("the PACS can't be reached", pacs="main")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await search("SearchStudies", SearchStudiesRequest())
    assert (caught.value.code(), reason_of(caught.value)) == (grpc.StatusCode.UNAVAILABLE, "PACS_UNREACHABLE")


async def test_credentials_that_the_pacs_refuses_are_not_the_callers(rig: Rig, search: Viewer) -> None:
    rig.east.refuse_with = PacsCredentialsError("the PACS refuses the credentials", pacs="main")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await search("SearchStudies", SearchStudiesRequest())
    reported = (caught.value.code(), reason_of(caught.value), trailer_of(caught.value, "x-http-status"))
    assert reported == (grpc.StatusCode.FAILED_PRECONDITION, "PACS_CREDENTIALS_REFUSED", "502")


async def test_a_pacs_that_fails_is_a_warning_beside_the_others_results(rig: Rig, search: Viewer) -> None:
    await rig.directory.create_pacs(PacsConfig("east", "second", FolderConnection("/second"), START))
    rig.second.refuse_with = PacsUnreachableError("the PACS can't be reached", pacs="second")
    response = await search("SearchStudies", SearchStudiesRequest())
    assert len(response.studies) == 1
    (warning,) = response.warnings
    assert (warning.pacs, warning.reason) == ("second", QUERY_WARNING_REASON_PACS_FAILED)
    assert warning.error_reason == ERROR_REASON_PACS_UNREACHABLE


async def test_nothing_is_answered_that_can_not_be_recorded(rig: Rig, search: Viewer) -> None:
    rig.audit.broken = True
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await search("SearchStudies", SearchStudiesRequest())
    assert (caught.value.code(), reason_of(caught.value)) == (grpc.StatusCode.UNAVAILABLE, "AUDIT_UNAVAILABLE")


async def test_who_watches_is_informed_what_changes_in_the_own_tenant(rig: Rig, channel: grpc.aio.Channel) -> None:
    stub: Any = QueryServiceStub(channel)
    token = await rig.key("east")
    watch = stub.WatchStudies(WatchStudiesRequest(), metadata=[("authorization", f"Bearer {token}")])
    assert (await watch.read()).WhichOneof("news") == "begun"
    rig.study_changes.publish("west", StudyEvent("2.25.1", "main", removed=False))
    rig.study_changes.publish("east", StudyEvent("2.25.2", "main", removed=True))
    changed = (await watch.read()).changed
    assert (changed.study_instance_uid, changed.pacs, changed.removed) == ("2.25.2", "main", True)
    begun, listed = rig.audit.entries
    assert begun.detail == "watch studies"
    assert (listed.action, listed.study_instance_uid, listed.detail) == (AuditAction.LIST, "2.25.2", "study changed")
    watch.cancel()


async def test_lists_are_recorded_with_their_patients(rig: Rig, search: Viewer) -> None:
    for rpc, request in (
        ("SearchStudies", SearchStudiesRequest()),
        ("SearchSeries", SearchSeriesRequest()),
        ("SearchInstances", SearchInstancesRequest()),
    ):
        rig.audit.entries.clear()
        rig.clock.advance(LISTED_S)
        await search(rpc, request)
        listed, asked = rig.audit.entries
        assert (listed.action, listed.study_instance_uid, listed.patient_id) == (AuditAction.LIST, EAST_STUDY, "P-1")
        assert "; list " in asked.detail
