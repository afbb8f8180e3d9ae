"""One instance of a study is damaged behind a sound header: on every route it costs itself only."""

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate

from radgate.v1.retrieve_service_pb2 import RetrieveMetadataRequest
from tests.fakes.instances import encode, make_dataset
from tests.rpc.calls import reason_of
from tests.rpc.dicomweb.web import Web
from tests.rpc.rig import EAST_STUDY, Rig
from tests.rpc.test_retrieve import Viewer

SERIES = f"{EAST_STUDY}.1"
DAMAGED = f"{SERIES}.2"
URL = f"/studies/{EAST_STUDY}/series/{SERIES}"
AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
RLE = "1.2.840.10008.1.2.5"


def native(length: int) -> bytes:
    dataset = make_dataset(EAST_STUDY, SERIES, DAMAGED, number=2)
    dataset.PixelData = dataset.PixelData[:length]
    return encode(dataset)


def encapsulated(fragments: list[bytes], frames: int) -> bytes:
    dataset = make_dataset(EAST_STUDY, SERIES, DAMAGED, number=2, transfer_syntax_uid=RLE, NumberOfFrames=frames)
    dataset.PixelData = encapsulate(fragments, has_bot=False)
    dataset["PixelData"].VR = "OB"
    return encode(dataset)


DAMAGE: dict[str, Callable[[], bytes]] = {
    "short": lambda: native(64),
    "of two bytes": lambda: native(2),
    "fewer fragments than frames": lambda: encapsulated([b"\0" * 64], 3),
    "fragments that belong to no frame": lambda: encapsulated([b"\1\2" * 9] * 3, 2),
}


@pytest.fixture(params=DAMAGE)
def damaged(rig: Rig, request: pytest.FixtureRequest) -> bytes:
    file = DAMAGE[request.param]()
    rig.east.replaced[DAMAGED] = file
    return file


@pytest.mark.parametrize("url", [URL, f"/studies/{EAST_STUDY}", f"{URL}/instances/{DAMAGED}"])
async def test_metadata_is_whole(web: Web, damaged: bytes, url: str) -> None:
    answer = await web.get(f"{url}/metadata")
    assert answer.error is None
    members = {one["00080018"]["Value"][0]: one for one in json.loads(answer.body)}
    assert members[DAMAGED]["00280010"]["Value"] == [8]
    assert members[DAMAGED]["7FE00010"]["BulkDataURI"]


@pytest.mark.parametrize("url", [URL, f"/studies/{EAST_STUDY}", f"{URL}/instances/{DAMAGED}"])
async def test_it_is_sent_as_it_is_stored(web: Web, damaged: bytes, url: str) -> None:
    answer = await web.get(url, AS_STORED)
    assert answer.error is None
    assert damaged in [data for _, data in answer.parts]


@pytest.mark.parametrize("route", ["/frames/1", "/rendered", "/thumbnail", "/frames/1/rendered"])
async def test_its_frames_can_not_be_read(web: Web, damaged: bytes, route: str) -> None:
    answer = await web.get(f"{URL}/instances/{DAMAGED}{route}")
    assert answer.error
    assert (reason_of(answer.error), answer.body) == ("INSTANCE_MALFORMED", b"")


@pytest.mark.parametrize("route", ["/frames/1", "/rendered", "/thumbnail", "/metadata", ""])
async def test_its_neighbours_are_served(web: Web, damaged: bytes, route: str) -> None:
    await web.get(f"{URL}/metadata")
    answer = await web.get(f"{URL}/instances/{SERIES}.1{route}")
    assert answer.error is None


@pytest.mark.parametrize("url", [URL, f"/studies/{EAST_STUDY}"])
@pytest.mark.parametrize("route", ["/rendered", "/thumbnail"])
async def test_another_one_stands_for_its_series(web: Web, damaged: bytes, url: str, route: str) -> None:
    answer = await web.get(url + route)
    assert answer.error is None
    assert answer.body


async def test_a_stream_of_metadata_has_it(viewer: Viewer, damaged: bytes) -> None:
    request = RetrieveMetadataRequest(study_instance_uid=EAST_STUDY)
    pieces = [piece async for piece in viewer("RetrieveMetadata", request)]
    record = pieces[-1].completeness
    assert (record.delivered, list(record.failed)) == (6, [])


async def test_a_stream_of_instances_has_it(viewer: Viewer, damaged: bytes) -> None:
    found, record = await viewer.instances(study_instance_uid=EAST_STUDY)
    assert (record.delivered, list(record.failed)) == (6, [])
    data = next(data for header, data, _ in found if header.ref.sop_instance_uid == DAMAGED)
    assert dcmread(BytesIO(data), force=True).SOPInstanceUID == DAMAGED


@pytest.fixture
async def viewer(rig: Rig, channel: Any) -> Viewer:
    return Viewer(channel, await rig.key("east"))
