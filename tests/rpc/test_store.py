"""StoreService on a real gRPC server."""

from collections.abc import Iterable

import google_crc32c
import grpc
import pytest

from radgate.v1.store_service_pb2 import (
    StoreEnd,
    StoreInstancesRequest,
    StoreInstancesResponse,
    StoreStart,
    StoreTarget,
)
from radgate_server.core.access.tenancy import Role
from radgate_server.core.errors import PacsFailedError
from tests.fakes.instances import make_study
from tests.rpc.calls import reason_of
from tests.rpc.rig import EAST_STUDY, Rig

START = StoreInstancesRequest(start=StoreStart())
END = StoreInstancesRequest(end=StoreEnd())


def chunk(data: bytes) -> StoreInstancesRequest:
    return StoreInstancesRequest(chunk=data)


def instance(data: bytes, size_bytes: int | None = None, crc32c: int | None = None) -> Iterable[StoreInstancesRequest]:
    yield StoreInstancesRequest(start=StoreStart(size_bytes=size_bytes))
    for start in range(0, len(data), 300):
        yield chunk(data[start : start + 300])
    yield StoreInstancesRequest(end=StoreEnd(crc32c=crc32c))


class Uploader:
    """A client that may store."""

    def __init__(self, channel: grpc.aio.Channel, token: str) -> None:
        self._method = channel.stream_unary("/radgate.v1.StoreService/StoreInstances")
        self._metadata = [("authorization", f"Bearer {token}")]

    async def send(self, *requests: StoreInstancesRequest) -> StoreInstancesResponse:
        encoded = iter([request.SerializeToString() for request in requests])
        return StoreInstancesResponse.FromString(await self._method(encoded, metadata=self._metadata, timeout=30))


@pytest.fixture
async def uploader(rig: Rig, channel: grpc.aio.Channel) -> Uploader:
    return Uploader(channel, await rig.key("east", role=Role.OPERATOR))


async def test_each_instance_has_its_result(rig: Rig, uploader: Uploader) -> None:
    first, second, third = make_study(3, study=EAST_STUDY)
    response = await uploader.send(
        StoreInstancesRequest(target=StoreTarget(pacs="main", study_instance_uid=EAST_STUDY)),
        *instance(first, len(first), google_crc32c.value(first)),
        *instance(second, len(second) + 1),
        *instance(third, crc32c=google_crc32c.value(first)),
        *instance(make_study(1, study="2.25.9")[0]),
        *instance(b""),
    )
    assert response.pacs == "main"
    assert [(result.status.code, result.dicom_status) for result in response.results] == [
        (0, 0),
        (grpc.StatusCode.DATA_LOSS.value[0], 0xC000),
        (grpc.StatusCode.DATA_LOSS.value[0], 0xC000),
        (grpc.StatusCode.INVALID_ARGUMENT.value[0], 0xA900),
        (grpc.StatusCode.DATA_LOSS.value[0], 0xC000),
    ]
    assert response.results[3].status.message.startswith("target.study_instance_uid: ")
    assert response.results[0].ref.sop_instance_uid == f"{EAST_STUDY}.1.1"
    assert not response.results[1].HasField("ref")
    assert [b"".join(stored.content.pieces(1 << 20)) for stored in rig.east.stored] == [first]


async def test_the_target_may_be_left_out(rig: Rig, uploader: Uploader) -> None:
    assert (await uploader.send(*instance(make_study(1)[0]))).results[0].dicom_status == 0
    assert len((await uploader.send()).results) == 0
    assert len(rig.east.stored) == 1


async def test_the_status_of_the_pacs_is_reported(rig: Rig, uploader: Uploader) -> None:
    rig.east.refuse_with = PacsFailedError("full", pacs="main", status="A702")
    (result,) = (await uploader.send(*instance(make_study(1)[0]))).results
    assert (result.dicom_status, result.status.message) == (0xA702, "full")
    assert result.ref.sop_instance_uid == "2.25.1000.1.1"


@pytest.mark.parametrize(
    "requests",
    [
        [chunk(b"x")],
        [END],
        [START, START, END],
        [START, chunk(b"x")],
        [START, END, StoreInstancesRequest(target=StoreTarget())],
        [StoreInstancesRequest()],
        [StoreInstancesRequest(target=StoreTarget(study_instance_uid="no uid"))],
    ],
)
async def test_streams_that_make_no_sense(uploader: Uploader, requests: list[StoreInstancesRequest]) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await uploader.send(*requests)
    assert reason_of(caught.value) == "INVALID_ARGUMENT"


async def test_a_pacs_that_is_not_there(uploader: Uploader) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await uploader.send(StoreInstancesRequest(target=StoreTarget(pacs="nowhere")), *instance(make_study(1)[0]))
    assert reason_of(caught.value) == "RESOURCE_NOT_FOUND"


async def test_a_viewers_key_stores_nothing(rig: Rig, channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await Uploader(channel, await rig.key("east")).send(*instance(make_study(1)[0]))
    assert reason_of(caught.value) == "ROLE_NOT_ALLOWED"
    assert not rig.east.stored
