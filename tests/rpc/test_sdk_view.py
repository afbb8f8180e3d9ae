"""Looking at a study through both clients of the SDK."""

import asyncio

import numpy as np
import pytest

import radgate
from tests.fakes.instances import make_instance
from tests.recipe import decoded
from tests.rpc.rig import Rig
from tests.rpc.test_stream_frames import CT, MR, SIZE, STUDY, add_series, pixels


def shown(frame: radgate.ViewedFrame) -> np.ndarray:
    return decoded(frame)


async def test_the_client_for_ordinary_code(rig: Rig) -> None:
    add_series(rig, CT, 3)
    token = await rig.key("east")

    def use() -> None:
        with radgate.Client(rig.target, token) as client:
            frames = list(client.view(STUDY, first_size=(60, 60)))
            assert [frame.complete for frame in frames] == [False] * 3 + [True] * 3
            for frame in frames:
                assert shown(frame).shape == (SIZE >> frame.reduction,) * 2
                if frame.complete:
                    assert np.array_equal(shown(frame), pixels(int(frame.sop_instance_uid.rpartition(".")[2])))
            view = client.view(STUDY)
            assert next(view).series_instance_uid == CT
            view.close()
            with pytest.raises(radgate.InvalidRequestError):
                list(client.view("not a UID"))

    await asyncio.to_thread(use)


async def test_the_client_for_asyncio_sends_priorities(rig: Rig) -> None:
    add_series(rig, CT, 3)
    add_series(rig, MR, 3)
    async with radgate.aio.Client(rig.target, await rig.key("east")) as client:
        assert len([frame async for frame in client.view(STUDY, first_size=(0, 0))]) == 6
        view = client.view(STUDY, first_size=(60, 60))
        view.prioritize(MR, f"{MR}.1", whole=True)
        whole = [frame.sop_instance_uid async for frame in view if frame.complete]
        assert whole[:3] == [f"{MR}.{number}" for number in (1, 2, 3)]
        view = client.view(STUDY)
        view.prioritize("2.25.99")
        with pytest.raises(radgate.InvalidRequestError):
            [frame async for frame in view]


async def test_a_large_frame_is_previewed(rig: Rig) -> None:
    side = 1024
    original = np.add.outer(np.arange(side), np.arange(side)).astype("<u2")
    attributes = {"rows": side, "columns": side, "PixelData": original.tobytes()}
    rig.east.add(make_instance(STUDY, CT, f"{CT}.1", **attributes))
    async with radgate.aio.Client(rig.target, await rig.key("east")) as client:
        frames = [frame async for frame in client.view(STUDY, first_size=(64, 64))]
    assert [(frame.preview, frame.complete) for frame in frames] == [(True, False), (False, True)]
    assert np.array_equal(shown(frames[0]), original[::16, ::16])
    assert np.array_equal(shown(frames[1]), original)


async def test_what_is_missing_is_reported_in_the_end(rig: Rig) -> None:
    add_series(rig, CT, 2)
    rig.east.omitted = {f"{CT}.2"}
    async with radgate.aio.Client(rig.target, await rig.key("east")) as client:
        view = client.view(STUDY, first_size=(0, 0))
        assert (await anext(view)).sop_instance_uid == f"{CT}.1"
        with pytest.raises(radgate.IncompleteStudyError) as caught:
            await anext(view)
        assert [one.sop_instance_uid for one in caught.value.missing] == [f"{CT}.2"]
        assert [frame.complete async for frame in client.view(STUDY, first_size=(0, 0), allow_partial=True)] == [True]
