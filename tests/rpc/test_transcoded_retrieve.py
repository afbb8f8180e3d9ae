"""RetrieveService in transfer syntaxes that the PACS does not have."""

from io import BytesIO

import google_crc32c
import grpc
import numpy as np
import pydicom
import pytest

from radgate.v1.dicom_pb2 import InstanceRef
from radgate.v1.retrieve_service_pb2 import RetrieveFramesRequest
from tests.fakes.instances import make_study
from tests.rpc.rig import Rig
from tests.rpc.test_retrieve import Viewer

IMPLICIT, EVRLE, PART_2 = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.92"
HTJ2K, HTJ2K_LOSSY = "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"
JPEG, JPEG_LS, RLE = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.5"
STUDY = "2.25.4200"
FRAMES = 5


@pytest.fixture
async def viewer(rig: Rig, channel: grpc.aio.Channel) -> Viewer:
    pixels = (np.arange(64 * 64 * FRAMES) % 4096).astype("<u2").tobytes()
    rig.east.add(*make_study(8, study=STUDY, rows=64, columns=64, frames=FRAMES, PixelData=pixels))
    return Viewer(channel, await rig.key("east"))


@pytest.mark.parametrize(
    ("accepted", "given"),
    [
        ([HTJ2K], HTJ2K),
        ([PART_2, HTJ2K, RLE], HTJ2K),  # the first that can be made, in the client's order
        ([RLE, HTJ2K], RLE),
        ([IMPLICIT], IMPLICIT),
        ([HTJ2K, EVRLE], EVRLE),  # as stored, where that is accepted
        ([HTJ2K_LOSSY, JPEG_LS], JPEG_LS),  # nothing is lost that need not be
        ([JPEG, HTJ2K_LOSSY], HTJ2K_LOSSY),  # JPEG can't hold 12 bits
    ],
)
async def test_instances_come_in_what_is_accepted(viewer: Viewer, accepted: list[str], given: str) -> None:
    found, completeness = await viewer.instances(study_instance_uid=STUDY, accepted_transfer_syntax_uids=accepted)
    assert completeness.delivered == 8
    for header, data, trailer in found:
        assert (header.transfer_syntax_uid, header.size_bytes) == (given, len(data))
        assert trailer.crc32c == google_crc32c.value(data)
        dataset = pydicom.dcmread(BytesIO(data))
        assert dataset.file_meta.TransferSyntaxUID == given
        assert header.ref.sop_instance_uid.startswith(f"{STUDY}.1.")
        assert (dataset.SOPInstanceUID == header.ref.sop_instance_uid) == (given != HTJ2K_LOSSY)


async def test_what_was_made_is_kept(rig: Rig, viewer: Viewer) -> None:
    first, _ = await viewer.instances(study_instance_uid=STUDY, accepted_transfer_syntax_uids=[HTJ2K])
    asked = len(rig.workers.calls)
    again, _ = await viewer.instances(study_instance_uid=STUDY, accepted_transfer_syntax_uids=[HTJ2K])
    assert asked == 8
    assert len(rig.workers.calls) == asked
    assert [data for _, data, _ in again] == [data for _, data, _ in first]


async def test_frames_come_in_what_is_accepted(rig: Rig, viewer: Viewer) -> None:
    ref = InstanceRef(study_instance_uid=STUDY, series_instance_uid=f"{STUDY}.1", sop_instance_uid=f"{STUDY}.1.1")
    request = RetrieveFramesRequest(ref=ref, accepted_transfer_syntax_uids=[PART_2, JPEG_LS])
    headers = [answer.header async for answer in viewer("RetrieveFrames", request) if answer.HasField("header")]
    assert [header.frame_number for header in headers] == list(range(1, FRAMES + 1))
    assert {header.transfer_syntax_uid for header in headers} == {JPEG_LS}
    assert [(call.operation, call.frames) for call in rig.workers.calls] == [("transcode", FRAMES)]
