"""What is cached of a study is what its PACS hold, or older than neither they nor a query know by a settable age."""

import asyncio
import json
import re
from typing import Any

import grpc
import pytest

from radgate.v1.admin_service_pb2 import InvalidateCacheRequest
from radgate.v1.admin_service_pb2_grpc import AdminServiceStub
from radgate.v1.retrieve_service_pb2 import RetrieveFramesRequest
from radgate.v1.retrieve_service_pb2_grpc import RetrieveServiceStub
from radgate_server.core.access.tenancy import Role
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.errors import PacsUnreachableError
from radgate_server.core.query.model import Query
from tests.fakes.instances import make_study
from tests.rpc.callers import bearer
from tests.rpc.calls import reason_of
from tests.rpc.composition import REVALIDATE_AFTER_S
from tests.rpc.dicomweb.web import Web
from tests.rpc.rig import EAST_STUDY, Rig

SERIES = f"/studies/{EAST_STUDY}/series/{EAST_STUDY}.1"
INSTANCE = f"{SERIES}/instances/{EAST_STUDY}.1.1"
WADO_URI = f"/wado?requestType=WADO&studyUID={EAST_STUDY}&seriesUID={EAST_STUDY}.1&objectUID={EAST_STUDY}.1.1"
INSTANCE_REF = {
    "study_instance_uid": EAST_STUDY,
    "series_instance_uid": f"{EAST_STUDY}.1",
    "sop_instance_uid": f"{EAST_STUDY}.1.1",
}
ROUTES = {
    "study": (f"/studies/{EAST_STUDY}", ""),
    "series": (SERIES, ""),
    "instance": (INSTANCE, ""),
    "study metadata": (f"/studies/{EAST_STUDY}/metadata", ""),
    "instance metadata": (f"{INSTANCE}/metadata", ""),
    "frame": (f"{INSTANCE}/frames/1", ""),
    "rendered": (f"{INSTANCE}/rendered", "image/png"),
    "rendered frame": (f"{INSTANCE}/frames/1/rendered", "image/png"),
    "study thumbnail": (f"/studies/{EAST_STUDY}/thumbnail", "image/png"),
    "thumbnail": (f"{INSTANCE}/thumbnail", "image/png"),
    "thumbnail by UID": (f"/thumbnails/{EAST_STUDY}.1.1", ""),
    "WADO-URI": (WADO_URI, "application/dicom"),
    "WADO-URI picture": (WADO_URI, "image/jpeg"),
}


def corrected(**attributes: Any) -> list[bytes]:
    """The rig's study with other values under the same UIDs."""
    return make_study(3, study=EAST_STUDY, series=2, **attributes)


def state_queries(rig: Rig) -> list[Query]:
    return [query for query in rig.east.queries if query.with_version]


async def patient_of(web: Web) -> str:
    answer = await web.get(f"{INSTANCE}/metadata")
    assert answer.error is None
    patient: str = json.loads(answer.body)[0]["00100020"]["Value"][0]
    return patient


@pytest.mark.parametrize("route", ROUTES)
async def test_a_study_deleted_in_the_pacs_is_served_by_no_route_once_its_age_is_over(
    rig: Rig, web: Web, route: str
) -> None:
    url, accept = ROUTES[route]
    assert (await web.get(url, accept)).error is None
    rig.east.replace()
    rig.clock.advance(REVALIDATE_AFTER_S)
    error = (await web.get(url, accept)).error
    assert error is not None
    assert reason_of(error) == "OBJECT_NOT_FOUND"
    assert not [ref for tenant, ref in rig.store.instances if tenant == "east"]


async def test_a_thumbnail_whose_place_another_server_reports_is_confirmed_as_any(rig: Rig, web: Web) -> None:
    url = f"/thumbnails/{EAST_STUDY}.1.1"
    assert (await web.get(url)).error is None
    place = rig.places.known("east", f"{EAST_STUDY}.1.1")

    async def ask(_tenant_id: str, _sop_instance_uid: str) -> InstanceRef | None:
        return place

    rig.places.invalidate("east", None)
    rig.places.ask_also(ask)
    rig.east.replace()
    rig.clock.advance(REVALIDATE_AFTER_S)
    error = (await web.get(url)).error
    assert error is not None
    assert reason_of(error) == "OBJECT_NOT_FOUND"


@pytest.mark.parametrize("url", ["/studies", f"/studies/{EAST_STUDY}/series", f"{INSTANCE}/metadata"])
async def test_an_answer_that_was_begun_before_an_invalidation_is_given_to_nobody_else(
    rig: Rig, web: Web, channel: grpc.aio.Channel, url: str
) -> None:
    rig.east.silence()
    early = asyncio.create_task(web.get(url))
    while not rig.east.calls["find"]:
        await asyncio.sleep(0)
    administrator = tuple(bearer(await rig.key("east", role=Role.ADMIN)).items())
    request = InvalidateCacheRequest(study_instance_uid=EAST_STUDY)
    await AdminServiceStub(channel).InvalidateCache(request, metadata=administrator)
    rig.east.release()
    assert (await early).error is None
    assert (await rig.hot.usage("east")).entries == 0
    assert (await web.get(url)).error is None
    assert (await rig.hot.usage("east")).entries == 1


async def test_a_corrected_patient_is_shown_once_the_age_is_over_and_the_pacs_is_asked_once_in_it(
    rig: Rig, web: Web
) -> None:
    assert await patient_of(web) == "P-1"
    rig.east.replace(*corrected(PatientID="P-2"))
    assert [await patient_of(web) for _ in range(3)] == ["P-1"] * 3
    assert len(state_queries(rig)) == 1
    rig.clock.advance(REVALIDATE_AFTER_S)
    assert [await patient_of(web) for _ in range(3)] == ["P-2"] * 3
    assert len(state_queries(rig)) == 2


async def test_a_study_whose_patient_was_corrected_is_not_in_doubt(rig: Rig, web: Web) -> None:
    await patient_of(web)
    rig.east.replace(*corrected(PatientID="P-2"))
    rig.clock.advance(REVALIDATE_AFTER_S)
    answers = [await web.get(f"/studies/{EAST_STUDY}{rest}") for rest in ("", "/metadata")]
    assert [(answer.error, answer.header("warning")) for answer in answers] == [(None, []), (None, [])]


async def test_a_study_that_did_not_change_stays_cached(rig: Rig, web: Web) -> None:
    await patient_of(web)
    rig.clock.advance(REVALIDATE_AFTER_S)
    await patient_of(web)
    assert rig.east.sent == 1
    assert len(state_queries(rig)) == 2


async def test_a_study_that_grew_keeps_what_is_cached_and_is_completed(rig: Rig, web: Web) -> None:
    assert len((await web.get(f"/studies/{EAST_STUDY}")).parts) == 6
    rig.east.add(*make_study(4, study=EAST_STUDY, series=2)[3::4])
    rig.clock.advance(REVALIDATE_AFTER_S)
    await patient_of(web)
    assert rig.east.sent == 6
    assert len((await web.get(f"/studies/{EAST_STUDY}")).parts) == 8
    assert rig.east.sent == 8, "the new ones alone"


@pytest.mark.parametrize(
    "query", ["?PatientName=*", f"?StudyInstanceUID={EAST_STUDY}", "?includefield=NumberOfStudyRelatedInstances"]
)
@pytest.mark.parametrize("change", ["patient", "count"])
async def test_a_query_that_contradicts_what_is_cached_counts_at_once(
    rig: Rig, web: Web, query: str, change: str
) -> None:
    await patient_of(web)
    rig.east.replace(*(corrected(PatientID="P-2") if change == "patient" else corrected()[:5]))
    assert (await web.get(f"/studies{query}")).error is None
    assert await patient_of(web) == ("P-2" if change == "patient" else "P-1")
    assert rig.east.sent == 2


async def test_a_query_that_finds_a_cached_study_no_more_counts_at_once(rig: Rig, web: Web) -> None:
    await patient_of(web)
    rig.east.replace()
    await web.get(f"/studies?StudyInstanceUID={EAST_STUDY}")
    assert (await web.get(f"{INSTANCE}/frames/1")).error is not None


async def test_what_the_pacs_can_not_confirm_is_served_with_a_warning_and_its_age(
    rig: Rig, web: Web, channel: grpc.aio.Channel
) -> None:
    bodies = {url: (await web.get(url, accept)).body for url, accept in ROUTES.values() if "frames/1" in url}
    rig.clock.advance(REVALIDATE_AFTER_S + 12)
    rig.east.refuse_with = PacsUnreachableError("no answer", pacs="main")
    rig.east.calls.clear()
    for url, body in bodies.items():
        answer = await web.get(url, "image/png" if "rendered" in url else "")
        assert answer.body == body
        [warning] = answer.header("warning")
        assert warning.startswith("299 ")
        assert re.search(rf"confirmed {REVALIDATE_AFTER_S + 12} s ago", warning)
    assert rig.east.calls["find"] == 1  # and not for each request
    metadata = await metadata_of(rig, channel)
    assert "confirmed 312 s ago" in dict(iter(metadata))["warning"]
    rig.east.refuse_with = None
    rig.clock.advance(10)
    for url in bodies:
        assert not (await web.get(url, "image/png" if "rendered" in url else "")).header("warning")


async def metadata_of(rig: Rig, channel: grpc.aio.Channel) -> Any:
    """The headers of an answer over gRPC, from the cache."""
    request = RetrieveFramesRequest(ref=INSTANCE_REF, frame_numbers=[1])
    headers = tuple(bearer(await rig.key("east")).items())
    call = RetrieveServiceStub(channel).RetrieveFrames(request, metadata=headers)
    assert [message async for message in call]
    return await call.initial_metadata()


async def test_a_silent_pacs_is_awaited_for_a_bounded_time(rig: Rig, web: Web) -> None:
    await patient_of(web)
    rig.clock.advance(REVALIDATE_AFTER_S)
    rig.east.silence()
    answers = [await web.get(f"{INSTANCE}/metadata") for _ in range(2)]
    assert all("s ago" in answer.header("warning")[0] for answer in answers)
    rig.east.release()


async def test_what_was_cached_by_an_earlier_process_is_compared_with_what_it_recorded(rig: Rig, web: Web) -> None:
    await patient_of(web)
    rig.known_states.invalidate("east", None)
    assert await patient_of(web) == "P-1"
    assert rig.east.sent == 1
    rig.known_states.invalidate("east", None)
    rig.east.replace(*corrected(PatientID="P-2"))
    assert await patient_of(web) == "P-2"


async def test_what_nobody_recorded_a_state_of_is_fetched_again(rig: Rig, web: Web) -> None:
    await patient_of(web)
    rig.known_states.invalidate("east", None)
    await rig.states.invalidate("east", None)
    assert await patient_of(web) == "P-1"
    assert rig.east.sent == 2
