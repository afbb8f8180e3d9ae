"""A view by ViewFrames and PrioritizeFrames, through both clients of the SDK."""

import asyncio

import numpy as np
import pytest

import radgate
from tests.recipe import decoded
from tests.rpc.rig import Rig
from tests.rpc.test_stream_frames import CT, MR, STUDY, add_series, pixels

MANY = 40
IN_TRANSIT = 2


async def test_the_client_for_ordinary_code(rig: Rig) -> None:
    add_series(rig, CT, MANY)
    add_series(rig, MR, 3)
    token = await rig.key("east")

    def use() -> None:
        with radgate.Client(rig.target, token) as client:
            frames = list(client.view_frames(STUDY, MR, first_size=(60, 60)))
            assert [frame.complete for frame in frames] == [False] * 3 + [True] * 3
            for frame in frames[3:]:
                assert np.array_equal(decoded(frame), pixels(int(frame.sop_instance_uid.rpartition(".")[2])))
            list(client.view_frames(STUDY))  # so that all of it is cached
            view = client.view_frames(STUDY, first_size=(0, 0))
            order = [next(view).sop_instance_uid]
            assert view.prioritize(MR, f"{MR}.3", whole=True)
            order += [frame.sop_instance_uid for frame in view]
            assert_first(order, MR, (3, 2, 1))
            assert len(order) == MANY + 3
            assert not view.prioritize(MR)  # all of it came

    await asyncio.to_thread(use)


async def test_the_client_for_asyncio(rig: Rig) -> None:
    add_series(rig, CT, MANY)
    add_series(rig, MR, 3)
    async with radgate.aio.Client(rig.target, await rig.key("east")) as client:
        assert len([frame async for frame in client.view_frames(STUDY)]) >= MANY + 3
        view = client.view_frames(STUDY, first_size=(0, 0))
        order = [(await anext(view)).sop_instance_uid]
        assert await view.prioritize(MR, f"{MR}.3", whole=True)
        order += [frame.sop_instance_uid async for frame in view]
        assert_first(order, MR, (3, 2, 1))
        assert len(order) == MANY + 3
        assert not await view.prioritize(MR)


def assert_first(order: list[str], series: str, numbers: tuple[int, ...]) -> None:
    """These instances came in this order, before most of what had its turn before them.

    What was in transit when the priority arrived came before it.
    """
    came = [order.index(f"{series}.{number}") for number in numbers]
    chosen = [index for index in came if index >= IN_TRANSIT]
    assert chosen == sorted(chosen)
    assert max(came) < MANY // 2


async def test_a_priority_before_the_first_frame_is_sent_when_the_view_is_open(rig: Rig) -> None:
    add_series(rig, CT, MANY)
    add_series(rig, MR, 3)
    token = await rig.key("east")
    async with radgate.aio.Client(rig.target, token) as client:
        view = client.view_frames(STUDY, first_size=(0, 0))
        assert await view.prioritize(MR, f"{MR}.3")
        assert_first([frame.sop_instance_uid async for frame in view], MR, (3, 2, 1))

    def use() -> list[str]:
        with radgate.Client(rig.target, token) as client:
            view = client.view_frames(STUDY, first_size=(0, 0))
            assert view.prioritize(MR, f"{MR}.3")
            return [frame.sop_instance_uid for frame in view]

    assert_first(await asyncio.to_thread(use), MR, (3, 2, 1))


async def test_a_priority_that_makes_no_sense_is_refused_and_the_view_continues(rig: Rig) -> None:
    add_series(rig, CT, MANY)
    token = await rig.key("east")
    async with radgate.aio.Client(rig.target, token) as client:
        view = client.view_frames(STUDY, first_size=(0, 0))
        frames = [await anext(view)]
        with pytest.raises(radgate.InvalidRequestError):
            await view.prioritize("2.25.99")
        frames += [frame async for frame in view]
        assert len(frames) == MANY

    def use() -> None:
        with radgate.Client(rig.target, token) as client:
            early = client.view_frames(STUDY)
            early.prioritize("2.25.99")
            with pytest.raises(radgate.InvalidRequestError):
                list(early)
            view = client.view_frames(STUDY, first_size=(0, 0))
            next(view)
            with pytest.raises(radgate.InvalidRequestError):
                view.prioritize("not a UID")
            assert len(list(view)) == MANY - 1

    await asyncio.to_thread(use)


async def test_failures_are_those_of_other_calls(rig: Rig) -> None:
    add_series(rig, CT, 2)
    rig.east.omitted = {f"{CT}.2"}
    async with radgate.aio.Client(rig.target, await rig.key("east")) as client:
        view = client.view_frames(STUDY, first_size=(0, 0))
        assert (await anext(view)).sop_instance_uid == f"{CT}.1"
        with pytest.raises(radgate.IncompleteStudyError) as caught:
            await anext(view)
        assert [one.sop_instance_uid for one in caught.value.missing] == [f"{CT}.2"]
        partial = client.view_frames(STUDY, first_size=(0, 0), allow_partial=True)
        assert [frame.complete async for frame in partial] == [True]
        with pytest.raises(radgate.NotFoundError):
            await anext(client.view_frames("2.25.404"))
    with pytest.raises(radgate.ClientClosedError):
        await anext(client.view_frames(STUDY))
    async with radgate.aio.Client(rig.target, "rg_000000000000_wrong") as stranger:
        with pytest.raises(radgate.UnauthenticatedError):
            await anext(stranger.view_frames(STUDY))


async def test_who_closes_a_view_has_it_closed_at_the_server(rig: Rig) -> None:
    add_series(rig, CT, MANY)
    token = await rig.key("east")
    async with radgate.aio.Client(rig.target, token) as client:
        view = client.view_frames(STUDY, first_size=(0, 0))
        await anext(view)
        await view.aclose()
        assert not await view.prioritize(CT)
        assert [frame async for frame in view] == []

    def use() -> None:
        with radgate.Client(rig.target, token) as client:
            view = client.view_frames(STUDY, first_size=(0, 0))
            next(view)
            view.close()
            assert not view.prioritize(CT)
            assert list(view) == []

    await asyncio.to_thread(use)
