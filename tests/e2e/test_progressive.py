"""Looking at a study while it comes from an archive over DIMSE: StreamFrames by the SDK, ranges by plain HTTP."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import imagecodecs
import numpy as np
import pytest

import radgate as sdk
from radgate_server.core.imaging.codestream import read_codestream
from tests.e2e.radgate_process import RadgateProcess, dimse
from tests.e2e.studies import (
    EAST,
    LARGE_CT,
    LARGE_SERIES,
    LARGE_SLICES,
    LARGE_STUDY,
    large_mammogram,
    large_slices,
)
from tests.e2e.waiting import wait_for
from tests.integration.faulty_proxy import Fault, FaultyProxy
from tests.integration.orthanc import OrthancServer
from tests.recipe import decoded

HTJ2K = "1.2.840.10008.1.2.4.202"
FRAME = f"/dicom-web/studies/{LARGE_STUDY}/series/{LARGE_STUDY}.1/instances/{LARGE_STUDY}.1.1/frames/1"
AS_HTJ2K = f'multipart/related; type="application/octet-stream"; transfer-syntax={HTJ2K}'


@pytest.fixture
def cold(tmp_path: Path, large_archive: OrthancServer) -> Iterator[RadgateProcess]:
    """A server that has fetched nothing yet."""
    with RadgateProcess(tmp_path).tenant(EAST, dimse(large_archive)) as server:
        yield server


@pytest.fixture(params=["http", "grpc"])
def client(request: pytest.FixtureRequest, cold: RadgateProcess) -> Iterator[sdk.Client]:
    """The SDK through Envoy, and past it."""
    with sdk.Client(cold.endpoints[request.param], cold.keys[EAST]) as client:
        yield client


def pixels_of(frame: sdk.ViewedFrame) -> np.ndarray:
    return decoded(frame)


def test_each_slice_comes_at_a_low_resolution_and_then_bit_for_bit(client: sdk.Client) -> None:
    originals = {
        original.ref.sop_instance_uid: np.frombuffer(original.dataset.PixelData, "<u2").reshape(512, 512)
        for series in LARGE_SERIES
        for original in large_slices(series)
    }
    shown = set()
    for frame in client.view(LARGE_CT, first_size=(64, 64)):
        if frame.complete:
            assert np.array_equal(pixels_of(frame), originals.pop(frame.sop_instance_uid))
            shown.remove(frame.sop_instance_uid)
        else:
            assert (frame.reduction, pixels_of(frame).shape) == (3, (64, 64))
            shown.add(frame.sop_instance_uid)
    assert not originals
    assert not shown


def test_who_reads_slowly_gets_everything_too(client: sdk.Client) -> None:
    """What waits in Envoy must come before the stream's end does."""
    list(client.view(LARGE_CT, first_size=(0, 0)))
    frames = 0
    for _ in client.view(LARGE_CT, first_size=(0, 0)):
        time.sleep(0.03)
        frames += 1
    assert frames == 2 * LARGE_SLICES


def test_once_near_a_low_resolution_of_all_comes_first_and_from_the_middle(client: sdk.Client) -> None:
    series = LARGE_SERIES[0]
    list(client.view(LARGE_CT, series, first_size=(0, 0)))
    frames = list(client.view(LARGE_CT, series, first_size=(64, 64)))
    assert [frame.complete for frame in frames] == [False] * LARGE_SLICES + [True] * LARGE_SLICES
    order = outwards(series, LARGE_SLICES // 2)
    assert [frame.sop_instance_uid for frame in frames] == order + order


def test_a_priority_in_mid_stream_changes_the_order_of_what_is_pending(client: sdk.Client) -> None:
    list(client.view(LARGE_CT, first_size=(0, 0)))
    view = client.view(LARGE_CT, first_size=(0, 0))
    frames = [next(view)]
    view.prioritize(LARGE_SERIES[1], f"{LARGE_SERIES[1]}.20")
    assert_prioritized([*frames, *view])


@pytest.mark.parametrize("endpoint", ["http", "grpc"])
def test_a_priority_by_a_call_of_its_own_does_too(large: RadgateProcess, endpoint: str) -> None:
    with sdk.Client(large.endpoints[endpoint], large.keys[EAST]) as client:
        list(client.view_frames(LARGE_CT, first_size=(0, 0)))
        view = client.view_frames(LARGE_CT, first_size=(0, 0))
        frames = [next(view)]
        assert view.prioritize(LARGE_SERIES[1], f"{LARGE_SERIES[1]}.20")
        assert_prioritized([*frames, *view])
        assert not view.prioritize(LARGE_SERIES[1])


def assert_prioritized(frames: list[sdk.ViewedFrame]) -> None:
    """The second series came from slice 20 outwards, amid the first."""
    shown, requested = LARGE_SERIES
    came = [frame.sop_instance_uid for frame in frames]
    assert frames[0].series_instance_uid == frames[-1].series_instance_uid == shown
    begun = next(place for place, frame in enumerate(frames) if frame.series_instance_uid == requested)
    assert came[begun : begun + LARGE_SLICES] == outwards(requested, 20)
    assert [*came[:begun], *came[begun + LARGE_SLICES :]] == outwards(shown, LARGE_SLICES // 2)


def outwards(series: str, number: int) -> list[str]:
    """All slices, from this one outwards; of two that are as near, the one that is shown earlier is first."""
    middle = number if number != LARGE_SLICES // 2 else number + 0.5
    numbers = sorted(range(1, LARGE_SLICES + 1), key=lambda one: abs(one - middle))
    return [f"{series}.{one}" for one in numbers]


@pytest.mark.parametrize("endpoint", ["http", "grpc"])
def test_a_client_that_leaves_lets_everything_go(tmp_path: Path, large_archive: OrthancServer, endpoint: str) -> None:
    with FaultyProxy(large_archive.dicom_port) as line:
        line.fault, line.trickle_bytes_per_s = Fault.TRICKLE, 2_000_000  # so that the study is long in coming
        archive = replace(dimse(large_archive), port=line.port)
        with (
            RadgateProcess(tmp_path).tenant(EAST, archive) as server,
            sdk.Client(server.endpoints[endpoint], server.keys[EAST]) as client,
        ):
            view = client.view(LARGE_CT, first_size=(64, 64))
            next(view)
            wait_for(lambda: server.metric("radgate_pacs_running") > 0, "the archive sends")
            view.close()
            for name in ("radgate_pacs_running", "radgate_image_jobs_waiting"):
                wait_for(lambda name=name: server.metric(name) == 0, name)
            # The search's association is kept for the next search, the transfer's is closed.
            wait_for(lambda: line.open_connections <= 1, "no transfer is open")
            line.fault = Fault.NONE
            frames = client.view(LARGE_CT, first_size=(0, 0))
            assert len([frame for frame in frames if frame.complete]) == 2 * LARGE_SLICES


def test_ranges_of_a_frame_show_more_and_more_of_it(large: RadgateProcess) -> None:
    with large.client(EAST) as web:
        accept = f"image/jphc; transfer-syntax={HTJ2K}"
        whole = web.get(FRAME, headers={"accept": accept})
        codestream = read_codestream(whole.content)
        assert codestream is not None
        came = b""
        for reduction in (4, 2, 0):
            end = codestream.bytes_for(reduction)
            headers = {"accept": accept, "range": f"bytes={len(came)}-{'' if reduction == 0 else (end or 0) - 1}"}
            part = web.get(FRAME, headers=headers)
            assert (part.status_code, part.headers["content-length"]) == (206, str(len(part.content)))
            came += part.content
            shown = imagecodecs.htj2k_decode(came, skipres=reduction, resilient=True)
            assert np.array_equal(shown, imagecodecs.htj2k_decode(whole.content, skipres=reduction))
        assert came == whole.content
        outside = web.get(FRAME, headers={"accept": accept, "range": f"bytes={len(came)}-"})
        assert outside.status_code == 416
    original = np.frombuffer(large_mammogram().dataset.PixelData, "<u2").reshape(shown.shape)
    assert np.array_equal(shown, original)


def test_a_server_that_dies_within_a_frame_of_known_length_is_noticed(cold: RadgateProcess) -> None:
    accept = {"accept": 'multipart/related; type="application/octet-stream"; transfer-syntax=*'}
    with cold.client(EAST) as web, web.stream("GET", FRAME, headers=accept) as answer:
        assert int(answer.headers["content-length"]) > 27_000_000
        pieces = answer.iter_bytes()
        next(pieces)
        cold.kill()
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            list(pieces)
