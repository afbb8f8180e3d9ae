"""What a rejection note rejects is served by no route, for the tenants that want it."""

import json
from typing import Any

import grpc
import pytest

import radgate.aio
from radgate.v1.admin_service_pb2 import Tenant
from radgate.v1.error_reason_pb2 import ERROR_REASON_OBJECT_REJECTED
from radgate.v1.query_service_pb2 import SearchInstancesRequest, SearchInstancesResponse
from radgate.v1.retrieve_service_pb2 import RetrieveFramesRequest, RetrieveInstancesRequest, RetrieveInstancesResponse
from radgate_server.core.access.tenancy import Role
from radgate_server.core.errors import PacsUnreachableError
from tests.fakes.instances import make_study
from tests.fakes.rejection_notes import PATIENT_SAFETY, QUALITY, make_note
from tests.rpc.administrator import Administrator
from tests.rpc.calls import invoke, reason_of
from tests.rpc.composition import REVALIDATE_AFTER_S
from tests.rpc.dicomweb.test_coherence import INSTANCE, INSTANCE_REF, ROUTES, SERIES
from tests.rpc.dicomweb.web import Web
from tests.rpc.rig import EAST_STUDY, WEST_STUDY, Rig

IMAGE = f"{EAST_STUDY}.1.1"
SERIES_IMAGES = tuple(f"{EAST_STUDY}.1.{number}" for number in (1, 2, 3))
EVERYTHING = (*SERIES_IMAGES, *(f"{EAST_STUDY}.2.{number}" for number in (1, 2, 3)))
NOTE = f"{EAST_STUDY}.99.1"
ABOVE = {"study", "series", "study metadata", "study thumbnail"}
SINGLE = set(ROUTES) - ABOVE


@pytest.fixture
async def web(rig: Rig, channel: grpc.aio.Channel) -> Web:
    return Web(channel, await rig.key("east"))


async def hide(rig: Rig, channel: grpc.aio.Channel, *, on: bool = True, tenant: str = "east") -> Tenant:
    admin = Administrator(channel, await rig.key(tenant, role=Role.ADMIN))
    answer = await admin("UpdateTenant", tenant={"tenant_id": tenant, "hide_rejected": on})
    reported: Tenant = answer.tenant
    return reported


async def instances_of(web: Web, path: str) -> set[str]:
    """SOP Instance UIDs in the metadata below a path."""
    answer = await web.get(f"{path}/metadata")
    assert answer.error is None
    return {data_set["00080018"]["Value"][0] for data_set in json.loads(answer.body)}


async def found(web: Web, path: str) -> list[dict[str, Any]]:
    answer = await web.get(path)
    assert answer.error is None
    matches: list[dict[str, Any]] = json.loads(answer.body) if answer.body else []
    return matches


@pytest.mark.parametrize("route", sorted(SINGLE))
async def test_a_rejected_instance_is_served_by_no_route_also_when_it_is_cached(
    rig: Rig, web: Web, channel: grpc.aio.Channel, route: str
) -> None:
    path, accept = ROUTES[route]
    rig.east.add(make_note(EAST_STUDY, (IMAGE,)))
    assert (await web.get(path, accept)).error is None, "it is shown, and cached, until the tenant says otherwise"
    assert (await hide(rig, channel)).hide_rejected
    answer = await web.get(path, accept)
    assert answer.error is not None
    assert (answer.error.code(), reason_of(answer.error)) == (grpc.StatusCode.NOT_FOUND, "OBJECT_REJECTED")
    assert "rejection note" in (answer.error.details() or "")
    await hide(rig, channel, on=False)
    assert (await web.get(path, accept)).error is None


async def test_studies_series_and_searches_leave_rejected_instances_out(
    rig: Rig, web: Web, channel: grpc.aio.Channel
) -> None:
    rig.east.add(make_note(EAST_STUDY, (IMAGE,)))
    assert await instances_of(web, f"/studies/{EAST_STUDY}") == {*EVERYTHING, NOTE}
    await hide(rig, channel)
    assert await instances_of(web, f"/studies/{EAST_STUDY}") == {*EVERYTHING} - {IMAGE}
    assert await instances_of(web, SERIES) == {*SERIES_IMAGES} - {IMAGE}
    assert len((await web.get(SERIES)).parts) == 2
    for path in (f"{SERIES}/instances", f"/studies/{EAST_STUDY}/instances", "/instances", "/instances?limit=9"):
        uids = {match["00080018"]["Value"][0] for match in await found(web, path)}
        assert not uids & {IMAGE, NOTE}, path
        assert f"{EAST_STUDY}.1.2" in uids, path
    series = {
        match["0020000E"]["Value"][0]: match["00201209"]["Value"]
        for match in await found(web, f"/studies/{EAST_STUDY}/series")
    }
    assert series == {f"{EAST_STUDY}.1": [2], f"{EAST_STUDY}.2": [3]}, "the note's series has nothing to show"
    assert [match["0020000D"]["Value"][0] for match in await found(web, "/studies")] == [EAST_STUDY]


async def test_a_series_and_a_study_of_which_all_is_rejected_are_not_found(
    rig: Rig, web: Web, channel: grpc.aio.Channel
) -> None:
    await hide(rig, channel)
    rig.east.add(make_note(EAST_STUDY, SERIES_IMAGES))
    for path, accept in ((SERIES, ""), (f"{SERIES}/metadata", ""), (f"{SERIES}/thumbnail", "image/png")):
        answer = await web.get(path, accept)
        assert answer.error is not None, path
        assert reason_of(answer.error) == "OBJECT_REJECTED", path
    assert (await web.get(f"/studies/{EAST_STUDY}/thumbnail", "image/png")).error is None, "of the other series"
    rig.east.add(make_note(EAST_STUDY, EVERYTHING, number=2))
    rig.clock.advance(REVALIDATE_AFTER_S + 1)
    for route in ROUTES:
        answer = await web.get(*ROUTES[route])
        assert answer.error is not None, route
        assert reason_of(answer.error) == "OBJECT_REJECTED", route


async def test_over_grpc_it_is_as_little_to_be_had(rig: Rig, web: Web, channel: grpc.aio.Channel) -> None:
    await hide(rig, channel)
    rig.east.add(make_note(EAST_STUDY, (IMAGE,)))
    token = await rig.key("east", role=Role.OPERATOR)
    request = RetrieveInstancesRequest(study_instance_uid=EAST_STUDY).SerializeToString()
    messages = await invoke(channel, "radgate.v1.RetrieveService/RetrieveInstances", request, token=token)
    answers = [RetrieveInstancesResponse.FromString(message) for message in messages]
    sent = {one.header.ref.sop_instance_uid for one in answers if one.HasField("header")}
    assert sent == {*EVERYTHING} - {IMAGE}
    search = SearchInstancesRequest(study_instance_uid=EAST_STUDY).SerializeToString()
    (message,) = await invoke(channel, "radgate.v1.QueryService/SearchInstances", search, token=token)
    uids = {one.sop_instance_uid for one in SearchInstancesResponse.FromString(message).instances}
    assert uids == {*EVERYTHING} - {IMAGE}
    frames = RetrieveFramesRequest(ref=INSTANCE_REF, frame_numbers=[1]).SerializeToString()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await invoke(channel, "radgate.v1.RetrieveService/RetrieveFrames", frames, token=token)
    assert reason_of(refused.value) == "OBJECT_REJECTED"


async def test_jobs_leave_rejected_instances_out(rig: Rig, channel: grpc.aio.Channel) -> None:
    await hide(rig, channel)
    rig.east.add(make_note(EAST_STUDY, (IMAGE,)))
    async with radgate.aio.Client(rig.target, await rig.key("east", role=Role.OPERATOR)) as client:
        of_study = [step async for step in client.jobs.watch((await client.jobs.make_thumbnails(EAST_STUDY)).job_id)]
        rig.east.add(make_note(EAST_STUDY, SERIES_IMAGES, number=2))
        rig.clock.advance(REVALIDATE_AFTER_S + 1)
        job = await client.jobs.make_thumbnails(EAST_STUDY, series_instance_uid=f"{EAST_STUDY}.1")
        of_series = [step async for step in client.jobs.watch(job.job_id)]
    assert (of_study[-1].done, of_study[-1].failed, of_study[-1].total) == (5, 0, 5)
    assert of_series[-1].reason == ERROR_REASON_OBJECT_REJECTED


async def test_a_note_for_quality_reasons_is_shown_itself(rig: Rig, web: Web, channel: grpc.aio.Channel) -> None:
    await hide(rig, channel)
    rig.east.add(make_note(EAST_STUDY, (IMAGE,), title=QUALITY))
    assert await instances_of(web, f"/studies/{EAST_STUDY}") == {*EVERYTHING, NOTE} - {IMAGE}


async def test_a_note_hides_nothing_of_another_study_or_tenant(rig: Rig, channel: grpc.aio.Channel) -> None:
    west_image = f"{WEST_STUDY}.1.1"
    for tenant, pacs in (("east", rig.east), ("west", rig.west)):
        await hide(rig, channel, tenant=tenant)
        web = Web(channel, await rig.key(tenant))
        pacs.replace(*make_study(1, study=EAST_STUDY), *make_study(1, study=WEST_STUDY))
        if tenant == "east":
            pacs.add(
                make_note(EAST_STUDY, (IMAGE,)), make_note(EAST_STUDY, (west_image,), of_study=WEST_STUDY, number=2)
            )
        assert await instances_of(web, f"/studies/{WEST_STUDY}") == {west_image}
        assert (await web.get(INSTANCE)).error is None or tenant == "east"


async def test_a_note_stored_or_withdrawn_is_noticed_once_the_study_is_old(
    rig: Rig, web: Web, channel: grpc.aio.Channel
) -> None:
    await hide(rig, channel)
    assert await instances_of(web, f"/studies/{EAST_STUDY}") == {*EVERYTHING}
    rig.east.add(make_note(EAST_STUDY, (IMAGE,)))
    assert (await web.get(INSTANCE)).error is None, "nobody has looked again yet"
    rig.clock.advance(REVALIDATE_AFTER_S + 1)
    assert (await web.get(INSTANCE)).error is not None
    assert await instances_of(web, f"/studies/{EAST_STUDY}") == {*EVERYTHING} - {IMAGE}
    rig.east.replace(*make_study(3, study=EAST_STUDY, series=2))
    rig.clock.advance(REVALIDATE_AFTER_S + 1)
    assert (await web.get(INSTANCE)).error is None
    assert await instances_of(web, f"/studies/{EAST_STUDY}") == {*EVERYTHING}


async def test_a_note_that_is_replaced_under_its_uid_is_noticed_by_who_reads_it_again(
    rig: Rig, web: Web, channel: grpc.aio.Channel
) -> None:
    """The counts stay, so that nothing reports but the age; what was made for other instances is dropped."""
    await hide(rig, channel)
    rig.east.add(make_note(EAST_STUDY, (IMAGE,), title=PATIENT_SAFETY))
    assert await instances_of(web, SERIES) == {*SERIES_IMAGES} - {IMAGE}
    admin = Administrator(channel, await rig.key("east", role=Role.ADMIN))
    rig.east.replace(*make_study(3, study=EAST_STUDY, series=2), make_note(EAST_STUDY, (f"{EAST_STUDY}.1.2",)))
    await admin("InvalidateCache", study_instance_uid=EAST_STUDY)
    rig.clock.advance(REVALIDATE_AFTER_S + 1)
    assert await instances_of(web, SERIES) == {*SERIES_IMAGES} - {f"{EAST_STUDY}.1.2"}


async def test_a_note_that_can_not_be_read_hides_nothing_and_is_said(
    rig: Rig, web: Web, channel: grpc.aio.Channel
) -> None:
    await hide(rig, channel)
    rig.east.add(make_note(EAST_STUDY, (IMAGE,)))
    rig.east.failing[NOTE] = PacsUnreachableError("no such file there", pacs="main")
    for path in (INSTANCE, f"{INSTANCE}/metadata", f"{SERIES}/instances"):
        answer = await web.get(path)
        assert answer.error is None, path
        assert any("rejection notes" in text for text in answer.header("warning")), path
    rig.east.failing.clear()
    rig.clock.advance(6)
    assert (await web.get(INSTANCE)).error is not None, "it is retried"


async def test_whoever_shows_all_asks_for_no_notes(rig: Rig, web: Web) -> None:
    rig.east.add(make_note(EAST_STUDY, (IMAGE,)))
    await instances_of(web, f"/studies/{EAST_STUDY}")
    await found(web, f"{SERIES}/instances")
    assert not [query for query in rig.east.queries if query.value_of("00080060") == "KO"]


async def test_only_the_tenants_own_admin_changes_it_and_it_is_recorded(rig: Rig, channel: grpc.aio.Channel) -> None:
    await hide(rig, channel)
    assert [(entry.tenant_id, entry.detail) for entry in rig.audit.entries] == [
        ("east", "set tenant: hide rejected instances")
    ]
    admin = Administrator(channel, await rig.key("east", role=Role.ADMIN))
    for fields, reason in (
        ({"tenant": {"tenant_id": "west", "hide_rejected": True}}, "TENANT_NOT_ALLOWED"),
        ({"tenant": {"tenant_id": "east"}}, "INVALID_ARGUMENT"),
        ({"tenant": {"tenant_id": "east"}, "update_mask": {"paths": ["create_time"]}}, "INVALID_ARGUMENT"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await admin("UpdateTenant", **fields)
        assert reason_of(refused.value) == reason
    listed = await admin("ListTenants")
    assert [(tenant.tenant_id, tenant.hide_rejected) for tenant in listed.tenants] == [("east", True)]
