"""Signed URLs in the answers of gRPC: what they lead to is what the chunks would have been."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import google_crc32c
import grpc
import numpy as np
import pytest

from radgate.dicomweb.v1 import dicomweb_service_pb2 as dicomweb
from radgate.v1.dicom_pb2 import InstanceRef
from radgate.v1.retrieve_service_pb2 import RetrieveFramesRequest, RetrieveInstancesRequest
from radgate.v1.transcode_service_pb2 import (
    QUALITY_LEVEL_PREVIEW,
    TranscodeFramesRequest,
    TranscodeFramesResponse,
    TranscodeTarget,
)
from radgate.v1.transcode_service_pb2_grpc import TranscodeServiceStub
from radgate_server.rpc.dicomweb.answers.http_body import read_http_bodies
from tests.fakes.clock import START
from tests.fakes.instances import make_study
from tests.integration.caching_edge import make_key
from tests.rpc.callers import seen_by_gateway
from tests.rpc.calls import invoke
from tests.rpc.rig import Rig, running_rig
from tests.rpc.test_retrieve import Viewer

EDGE, SECRET = "https://edge.example", "s" * 32
IMPLICIT, EXPLICIT, HTJ2K = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.202"
STUDY = "2.25.6300"
REF = InstanceRef(study_instance_uid=STUDY, series_instance_uid=f"{STUDY}.1", sop_instance_uid=f"{STUDY}.1.1")


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("edge") / "edge.pem"
    make_key(path)
    return path


@pytest.fixture
async def rig(key_file: Path) -> AsyncIterator[Rig]:
    edge = {"url": EDGE, "key_pair_id": "K1", "private_key_file": str(key_file), "origin_secret": SECRET}
    async with running_rig(edge={**edge, "tenants": ["east"]}) as rig:
        pixels = (np.arange(64 * 64 * 2) % 4096).astype("<u2").tobytes()
        for pacs in (rig.east, rig.west):
            pacs.add(*make_study(2, study=STUDY, rows=64, columns=64, frames=2, PixelData=pixels))
        yield rig


@pytest.fixture
async def viewer(rig: Rig, channel: grpc.aio.Channel) -> Viewer:
    return Viewer(channel, await rig.key("east"))


class Edge:
    """Asks the origin as CloudFront and the gateway do together."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel

    async def get(self, url: str) -> bytes:
        assert url.startswith(f"{EDGE}/edge/east/studies/{STUDY}/series/{STUDY}.1/instances/")
        path = url.removeprefix(EDGE).partition("&Expires=")[0]
        place, query = urlsplit(path).path, urlsplit(path).query.rpartition("&grant=")[0]
        segments = place.split("/")
        _, study, _, series, _, instance = segments[3:9]
        part = segments[10:]
        headers = {
            **seen_by_gateway(address="130.176.0.1"),
            "x_radgate_edge": path,
            "x_edge_secret": SECRET,
            "x_envoy_original_path": f"/dicom-web/{'/'.join((*segments[3:9], *part))}?{query}",
        }
        fields: dict[str, Any] = {"study": study, "series": series, "instance": instance}
        match part:
            case []:
                name, request = "RetrieveInstances", dicomweb.RetrieveRequest(**fields)
            case ["frames", number]:
                name, request = "RetrieveFrames", dicomweb.RetrieveFramesRequest(**fields, frames=number)
            case ["frames", number, "rendered"]:
                name, request = "RetrieveRendered", dicomweb.RetrieveRenderedRequest(**fields, frames=number)
        service = f"radgate.dicomweb.v1.DicomWebService/{name}"
        answer = await invoke(self._channel, service, request.SerializeToString(), **headers)
        return b"".join(bytes(body) for body in read_http_bodies(b"".join(answer))[1])


@pytest.fixture
def edge(channel: grpc.aio.Channel) -> Edge:
    return Edge(channel)


async def follow(responses: Any, edge: Edge) -> list[tuple[Any, bytes]]:
    """Each header with what its URL leads to, size and checksum compared; not one chunk comes."""
    found = []
    async for response in responses:
        match response.WhichOneof("piece"):
            case "header":
                header = response.header
            case "edge_url":
                assert response.edge_url.expire_time.ToDatetime().timestamp() > START.timestamp()
                data = await edge.get(response.edge_url.url)
            case "trailer":
                assert (header.size_bytes, response.trailer.crc32c) == (len(data), google_crc32c.value(data))
                found.append((header, data))
            case piece:
                assert piece == "completeness"
                assert response.completeness.delivered == len(found)
    return found


@pytest.mark.parametrize("accepted", [[], [HTJ2K]])
async def test_instances_come_as_urls(rig: Rig, viewer: Viewer, edge: Edge, accepted: list[str]) -> None:
    fields = {"study_instance_uid": STUDY, "accepted_transfer_syntax_uids": accepted}
    sent, _ = await viewer.instances(**fields)
    linked = await follow(viewer("RetrieveInstances", RetrieveInstancesRequest(**fields, prefer_edge=True)), edge)
    assert sorted(data for _, data in linked) == sorted(data for _, data, _ in sent)
    assert {header.transfer_syntax_uid for header, _ in linked} == {*(accepted or [EXPLICIT])}
    assert "by signed URLs" in [entry.detail for entry in rig.audit.entries]


@pytest.mark.parametrize("accepted", [[], [HTJ2K]])
async def test_frames_come_as_urls(rig: Rig, viewer: Viewer, edge: Edge, accepted: list[str]) -> None:
    request = RetrieveFramesRequest(ref=REF, accepted_transfer_syntax_uids=accepted, prefer_edge=True)
    linked = await follow(viewer("RetrieveFrames", request), edge)
    assert [header.frame_number for header, _ in linked] == [1, 2]
    assert {header.transfer_syntax_uid for header, _ in linked} == {*(accepted or [EXPLICIT])}
    assert "all frames by signed URLs" in [entry.detail for entry in rig.audit.entries]


@pytest.mark.parametrize(
    "target",
    [
        TranscodeTarget(media_type="image/png"),
        TranscodeTarget(media_type="image/jpeg", quality=40),
        TranscodeTarget(quality_level=QUALITY_LEVEL_PREVIEW),
        TranscodeTarget(),
    ],
)
async def test_pictures_come_as_urls(rig: Rig, channel: grpc.aio.Channel, edge: Edge, target: TranscodeTarget) -> None:
    metadata = (("authorization", f"Bearer {await rig.key('east')}"),)
    stub: Any = TranscodeServiceStub(channel)
    request = TranscodeFramesRequest(ref=REF, frame_numbers=[2], target=target, prefer_edge=True)
    linked = await follow(stub.TranscodeFrames(request, metadata=metadata), edge)
    assert [header.frame_number for header, _ in linked] == [2]


async def test_bytes_come_of_what_dicomweb_can_not_say(viewer: Viewer) -> None:
    fields = {"study_instance_uid": STUDY, "accepted_transfer_syntax_uids": [IMPLICIT], "prefer_edge": True}
    sent, completeness = await viewer.instances(**fields)
    assert completeness.delivered == 2
    assert all(len(data) == header.size_bytes for header, data, _ in sent)


async def test_bytes_come_where_the_edge_can_not_have_it(rig: Rig, channel: grpc.aio.Channel) -> None:
    for tenant, target, rpc in (
        ("west", TranscodeTarget(), "TranscodeService/TranscodeFrames"),
        ("west", TranscodeTarget(), "RetrieveService/RetrieveFrames"),
        ("east", TranscodeTarget(transfer_syntax_uid=HTJ2K), "TranscodeService/TranscodeFrames"),
    ):
        request = TranscodeFramesRequest(ref=REF, frame_numbers=[1], target=target, prefer_edge=True)
        if rpc.startswith("Retrieve"):
            request = RetrieveFramesRequest(ref=REF, frame_numbers=[1], prefer_edge=True)
        pieces = await invoke(channel, f"radgate.v1.{rpc}", request.SerializeToString(), token=await rig.key(tenant))
        kinds = {TranscodeFramesResponse.FromString(piece).WhichOneof("piece") for piece in pieces}
        assert kinds == {"header", "chunk", "trailer"}
