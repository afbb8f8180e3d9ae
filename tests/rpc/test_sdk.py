"""Both clients of the SDK against the running server."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import radgate
from radgate.v1.admin_service_pb2 import CreateTenantRequest, ListTenantsRequest
from radgate_server.core.access.tenancy import Role
from radgate_server.core.errors import InstanceNotSentError, PacsBusyError, PacsUnreachableError
from radgate_server.core.pacs.connections import FolderConnection, PacsConfig
from tests.fakes.clock import START
from tests.fakes.instances import make_instance, make_study
from tests.rpc.composition import REVALIDATE_AFTER_S
from tests.rpc.rig import EAST_STUDY, WEST_STUDY, Rig

SERIES = f"{EAST_STUDY}.1"
FIRST = f"{SERIES}.1"
FILES = make_study(3, study=EAST_STUDY, series=2)


@pytest.fixture
async def client(rig: Rig) -> AsyncIterator[radgate.aio.Client]:
    async with radgate.aio.Client(rig.target, await rig.key("east")) as client:
        yield client


async def test_the_synchronous_client_does_the_same_from_a_thread(rig: Rig, tmp_path: Path) -> None:
    token = await rig.key("east", "west")

    def use() -> tuple[list[str], list[str], list[Path], int, list[int]]:
        with radgate.Client(rig.target, token, "east") as client:
            studies = [study.study_instance_uid for study in client.search_studies(patient_id="P-1", limit=10)]
            series = [found.series_instance_uid for found in client.search_series(EAST_STUDY)]
            saved = [instance.save(tmp_path) for instance in client.retrieve_study(EAST_STUDY)]
            headers = len(list(client.metadata(EAST_STUDY, SERIES)))
            frames = [frame.frame_number for frame in client.frames(EAST_STUDY, SERIES, FIRST, [1])]
            with pytest.raises(radgate.NotFoundError):
                list(client.retrieve_study(WEST_STUDY))
            return studies, series, saved, headers, frames

    studies, series, saved, headers, frames = await asyncio.to_thread(use)
    assert (studies, series, headers, frames) == ([EAST_STUDY], [SERIES, f"{EAST_STUDY}.2"], 3, [1])
    assert sorted(path.read_bytes() for path in saved) == sorted(FILES)


async def test_a_tenant_is_chosen_among_those_of_the_key(rig: Rig) -> None:
    async with radgate.aio.Client(rig.target, await rig.key("east", "west"), "west") as client:
        assert [study.study_instance_uid async for study in client.search_studies()] == [WEST_STUDY]
    async with radgate.aio.Client(rig.target, await rig.key("east"), "west") as client:
        with pytest.raises(radgate.PermissionDeniedError) as caught:
            await anext(client.search_studies())
    assert caught.value.reason == "TENANT_NOT_ALLOWED"
    assert caught.value.request_id


async def test_a_search_stops_at_its_limit(client: radgate.aio.Client) -> None:
    found = [found.sop_instance_uid async for found in client.search_instances(EAST_STUDY, limit=4)]
    assert len(set(found)) == 4


async def test_a_malformed_search_names_the_field(client: radgate.aio.Client) -> None:
    with pytest.raises(radgate.InvalidRequestError) as caught:
        await anext(client.search_studies(study_date="yesterday"))
    assert [violation.field for violation in caught.value.field_violations] == ["keys[0].value"]


async def test_a_bad_key_is_reported(rig: Rig) -> None:
    async with radgate.aio.Client(rig.target, "rg_bad") as client:
        with pytest.raises(radgate.UnauthenticatedError):
            await anext(client.search_studies())


async def test_a_call_is_tried_again_when_the_server_advises_it(
    rig: Rig, client: radgate.aio.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 2:
            rig.east.refuse_with = None

    monkeypatch.setattr("radgate.aio.asyncio.sleep", wait)
    rig.east.refuse_with = PacsBusyError("all associations are in use", pacs="main")
    assert len([study async for study in client.search_studies()]) == 1
    assert [1.0 <= seconds <= 1.25 for seconds in waited] == [True, True]


async def test_a_pacs_that_stays_away_is_an_error(
    rig: Rig, client: radgate.aio.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radgate.aio.retry_delay_s", lambda error, attempt, attempts: None)
    rig.east.refuse_with = PacsUnreachableError("the PACS can't be reached", pacs="main")
    with pytest.raises(radgate.PacsError) as caught:
        await anext(client.search_studies())
    assert (caught.value.reason, caught.value.metadata, caught.value.retry_after_s) == (
        "PACS_UNREACHABLE",
        {"pacs": "main"},
        5.0,
    )


async def test_a_pacs_that_is_away_while_others_answer_is_a_warning(rig: Rig, client: radgate.aio.Client) -> None:
    await rig.directory.create_pacs(PacsConfig("east", "second", FolderConnection("/second"), START))
    rig.second.refuse_with = PacsUnreachableError("the PACS can't be reached", pacs="second")
    with pytest.warns(radgate.PartialAnswerWarning, match="PACS_UNREACHABLE"):
        assert [study.study_instance_uid async for study in client.search_studies()] == [EAST_STUDY]


async def test_an_incomplete_study_lists_what_is_missing(rig: Rig, client: radgate.aio.Client) -> None:
    rig.east.failing[FIRST] = InstanceNotSentError("the PACS did not send it", pacs="main")
    stream = client.retrieve_study(EAST_STUDY)
    assert len([await anext(stream) for _ in range(5)]) == 5
    with pytest.raises(radgate.IncompleteStudyError) as caught:
        await anext(stream)
    assert (caught.value.expected, caught.value.delivered) == (6, 5)
    assert [(missing.sop_instance_uid, missing.reason) for missing in caught.value.missing] == [
        (FIRST, "INSTANCE_NOT_SENT")
    ]
    assert len([instance async for instance in client.retrieve_study(EAST_STUDY, allow_partial=True)]) == 5


async def test_a_stream_continues_when_the_server_has_been_started_again(rig: Rig, client: radgate.aio.Client) -> None:
    rig.east.latency_s = 0.05
    stream = client.retrieve_study(EAST_STUDY)
    brought = [await anext(stream), await anext(stream)]
    await restart(rig)
    brought += [instance async for instance in stream]
    assert sorted(instance.data for instance in brought) == sorted(FILES)
    assert rig.audit.entries[-1].detail.startswith("resumed after ")
    rest = client.retrieve_study(EAST_STUDY, resume_token=stream.resume_token)
    assert [instance async for instance in rest] == []


async def test_the_synchronous_client_continues_too(rig: Rig) -> None:
    rig.east.latency_s = 0.05
    with radgate.Client(rig.target, await rig.key("east")) as client:
        for stream in (client.retrieve_study(EAST_STUDY), client.metadata(EAST_STUDY)):
            brought = [await asyncio.to_thread(next, stream)]
            await restart(rig)
            brought += await asyncio.to_thread(list, stream)
            assert len(brought) == 6
            assert stream.resume_token


async def restart(rig: Rig) -> None:
    assert rig.server
    await rig.server.stop(0)
    await rig.server.start()


async def test_a_stream_that_was_left_continues_by_its_token(client: radgate.aio.Client) -> None:
    stream = client.retrieve_study(EAST_STUDY, max_resumes=0)
    brought = [await anext(stream) for _ in range(4)]
    await stream.aclose()
    brought += [found async for found in client.retrieve_study(EAST_STUDY, resume_token=stream.resume_token)]
    assert sorted(instance.data for instance in brought) == sorted(FILES)
    headers = client.metadata(EAST_STUDY)
    first = await anext(headers)
    await headers.aclose()
    rest = [header async for header in client.metadata(EAST_STUDY, resume_token=headers.resume_token)]
    assert len(rest) == 5
    assert first not in rest


async def test_a_stream_whose_study_has_changed_can_not_go_on(rig: Rig, client: radgate.aio.Client) -> None:
    stream = client.retrieve_study(EAST_STUDY)
    await anext(stream)
    await stream.aclose()
    rig.east.add(make_instance(EAST_STUDY, f"{EAST_STUDY}.3", f"{EAST_STUDY}.3.1"))
    rig.clock.advance(60)
    with pytest.raises(radgate.ResumeTokenStaleError):
        await anext(client.retrieve_study(EAST_STUDY, resume_token=stream.resume_token))
    with pytest.raises(radgate.InvalidRequestError):
        await anext(client.retrieve_study(EAST_STUDY, resume_token=b"noise"))


async def test_a_stream_whose_patient_was_corrected_can_not_go_on(rig: Rig, client: radgate.aio.Client) -> None:
    stream = client.retrieve_study(EAST_STUDY)
    await anext(stream)
    await stream.aclose()
    rig.east.replace(*make_study(3, study=EAST_STUDY, series=2, PatientID="RIGHT"))
    rig.clock.advance(60)
    with pytest.raises(radgate.ResumeTokenStaleError):
        await anext(client.retrieve_study(EAST_STUDY, resume_token=stream.resume_token))


async def test_a_pacs_that_may_hold_more_is_reported(rig: Rig, client: radgate.aio.Client) -> None:
    await rig.directory.create_pacs(PacsConfig("east", "second", FolderConnection("/second"), START))
    rig.second.refuse_with = PacsUnreachableError("the PACS can't be reached", pacs="second")
    with pytest.warns(radgate.PartialAnswerWarning, match="second") as warned:
        assert len([found async for found in client.retrieve_study(EAST_STUDY)]) == 6
    assert warned[0].filename == __file__
    assert len([found async for found in client.retrieve_study(EAST_STUDY, allow_partial=True)]) == 6
    await rig.store.invalidate("east", EAST_STUDY)
    rig.east.failing[FIRST] = InstanceNotSentError("the PACS did not send it", pacs="main")
    with pytest.raises(radgate.IncompleteStudyError) as caught:
        _ = [found async for found in client.retrieve_study(EAST_STUDY)]
    assert (caught.value.delivered, caught.value.unanswered_pacs) == (5, ("second",))


@pytest.mark.parametrize("what", ["view", "view_frames"])
async def test_a_view_of_what_a_pacs_may_hold_more_of_warns_too(
    rig: Rig, client: radgate.aio.Client, what: str
) -> None:
    await rig.directory.create_pacs(PacsConfig("east", "second", FolderConnection("/second"), START))
    rig.second.refuse_with = PacsUnreachableError("the PACS can't be reached", pacs="second")
    with pytest.warns(radgate.PartialAnswerWarning, match="second") as warned:
        frames = [frame async for frame in getattr(client, what)(EAST_STUDY)]
    assert warned[0].filename == __file__
    assert len({frame.sop_instance_uid for frame in frames if frame.complete}) == 6
    assert [frame async for frame in getattr(client, what)(EAST_STUDY, allow_partial=True)]


@pytest.mark.parametrize("what", ["retrieve_study", "metadata"])
async def test_what_no_pacs_can_confirm_comes_with_a_warning_and_its_age(
    rig: Rig, client: radgate.aio.Client, what: str
) -> None:
    stream = getattr(client, what)
    found = [found async for found in stream(EAST_STUDY)]
    rig.clock.advance(REVALIDATE_AFTER_S - 1)
    assert [found async for found in stream(EAST_STUDY)] == found  # what lists it is remembered for 30 s
    rig.clock.advance(13)
    rig.east.refuse_with = PacsUnreachableError("the PACS can't be reached", pacs="main")
    with pytest.warns(radgate.DoubtfulAnswerWarning, match="confirmed 312 s ago") as warned:
        again = [found async for found in stream(EAST_STUDY, allow_partial=True)]
    assert again == found
    assert [one.filename for one in warned] == [__file__]
    rig.east.refuse_with = None
    rig.clock.advance(10)
    assert [found async for found in stream(EAST_STUDY)] == found


async def test_an_instance_of_another_patient_comes_with_a_warning(rig: Rig, client: radgate.aio.Client) -> None:
    rig.east.replaced[FIRST] = make_instance(EAST_STUDY, SERIES, FIRST, PatientID="another")
    with pytest.warns(radgate.DoubtfulAnswerWarning, match="another patient"):
        assert len([found async for found in client.retrieve_study(EAST_STUDY)]) == 6


async def test_a_study_is_refreshed(rig: Rig) -> None:
    async with radgate.aio.Client(rig.target, await rig.key("east", role=Role.OPERATOR)) as client:
        before = [found.data async for found in client.retrieve_study(EAST_STUDY)]
        rig.east.replace(*make_study(3, study=EAST_STUDY, series=2, SeriesDescription="overwritten"))
        assert [found.data async for found in client.retrieve_study(EAST_STUDY)] == before
        assert await client.refresh_study(EAST_STUDY) == 6
        after = [found.data async for found in client.retrieve_study(EAST_STUDY)]
    assert not set(after) & set(before)


async def test_progress_is_reported_while_chunks_arrive(rig: Rig, client: radgate.aio.Client) -> None:
    rig.east.add(large := make_instance("2.25.5", "2.25.5.1", "2.25.5.1.1", rows=256, columns=256))
    reported: list[radgate.Progress] = []
    instances = [found async for found in client.retrieve_study("2.25.5", on_progress=reported.append)]
    assert [instance.data for instance in instances] == [large]
    assert len(reported) > 3
    assert reported[-1] == radgate.Progress(1, len(large))


async def test_leaving_a_stream_early_lets_the_pacs_stop(rig: Rig, client: radgate.aio.Client) -> None:
    rig.east.latency_s = 0.2
    stream = client.retrieve_study(EAST_STUDY)
    await anext(stream)
    await stream.aclose()
    async with asyncio.timeout(30):
        while rig.east.open_retrieves:
            await asyncio.sleep(0.01)
    assert rig.east.cancelled == 1


async def test_administration_goes_by_the_request(rig: Rig) -> None:
    token = await rig.key("*", role=Role.ADMIN)

    def use() -> str:
        with radgate.Client(rig.target, token) as client:
            return client.admin(CreateTenantRequest(tenant_id="north")).tenant.tenant_id

    assert await asyncio.to_thread(use) == "north"
    async with radgate.aio.Client(rig.target, token) as client:
        tenants = (await client.admin(ListTenantsRequest())).tenants
        assert [tenant.tenant_id for tenant in tenants] == ["east", "north", "west"]
        with pytest.raises(radgate.AlreadyExistsError):
            await client.admin(CreateTenantRequest(tenant_id="north"))
