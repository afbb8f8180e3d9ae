"""A study in several transfer syntaxes over DIMSE from a real Orthanc, which stops at the first that it can't send."""

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate

from radgate_server.adapters.imaging.codecs import transcode_frame
from radgate_server.adapters.pacs.dimse import StorageScp, build_dimse_pacs
from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import FailedInstance, ListedInstance, ReceivedInstance
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.dicom.transfer_syntaxes import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    HTJ2K_LOSSLESS_RPCL,
    JPEG_2000_LOSSLESS,
    RLE_LOSSLESS,
)
from radgate_server.core.errors import InstanceNotSentError, PacsFailedError
from radgate_server.core.imaging.frames import EncodeTarget, StoredFrame
from radgate_server.core.pacs.connections import DimseConnection, RetrieveMethod
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.settings.pacs import DimseSettings
from tests.conformance.pacs_suite import config_of
from tests.fakes.instances import CT_IMAGE_STORAGE, encode, make_dataset
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.orthanc import OrthancServer
from tests.integration.ports import free_port

SETTINGS = DimseSettings(idle_timeout_s=30, connect_timeout_s=30)
SCP_PORT = free_port()
SIDE = 16
METHODS = pytest.mark.parametrize("method", list(RetrieveMethod))
SENDABLE = (JPEG_2000_LOSSLESS, EXPLICIT_VR_LITTLE_ENDIAN, RLE_LOSSLESS)
UNKNOWN_TO_ORTHANC = HTJ2K_LOSSLESS_RPCL
STUDIES: Mapping[str, tuple[str, ...]] = {
    "2.25.7301": SENDABLE,
    "2.25.7302": (EXPLICIT_VR_LITTLE_ENDIAN, UNKNOWN_TO_ORTHANC, *SENDABLE),
    "2.25.7303": (UNKNOWN_TO_ORTHANC,) * 3,
}
"""The transfer syntaxes of each study's instances."""


def save(folder: Path, study: str, number: int, transfer_syntax_uid: str) -> Path:
    uids = study, f"{study}.1", f"{study}.1.{number}"
    dataset = make_dataset(*uids, rows=SIDE, columns=SIDE, number=number, transfer_syntax_uid=transfer_syntax_uid)
    if transfer_syntax_uid != EXPLICIT_VR_LITTLE_ENDIAN:
        native = StoredFrame(
            dataset.PixelData, EXPLICIT_VR_LITTLE_ENDIAN, ImagePixel(SIDE, SIDE, 1, 16, 12, 0, 1, "MONOCHROME2")
        )
        dataset.PixelData = encapsulate([transcode_frame(native, EncodeTarget(transfer_syntax_uid)).data])
        dataset["PixelData"].VR = "OB"
    path = folder / f"{study}.{number}.dcm"
    path.write_bytes(encode(dataset))
    return path


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    folder = tmp_path_factory.mktemp("orthanc")
    with OrthancServer(folder, modalities={"radgate": ("RADGATE", SCP_PORT)}) as server:
        for study, syntaxes in STUDIES.items():
            server.upload(save(folder, study, number, uid) for number, uid in enumerate(syntaxes))
        yield server


@pytest.fixture
async def pacs(orthanc: OrthancServer, method: RetrieveMethod) -> AsyncIterator[PacsClient]:
    scp = StorageScp("RADGATE", host="127.0.0.1", port=SCP_PORT, settings=SETTINGS)
    await scp.start()
    connection = DimseConnection("127.0.0.1", orthanc.dicom_port, "ORTHANC", "RADGATE", method)
    client = build_dimse_pacs(config_of(connection), settings=SETTINGS, storage_scp=scp, telemetry=RecordingTelemetry())
    yield client
    await client.close()
    await scp.close()


async def retrieve(pacs: PacsClient, study: str) -> tuple[dict[str, bytes], dict[str, Exception]]:
    """Pixels, or why there are none, by SOP Instance UID."""
    refs = [InstanceRef(study, f"{study}.1", f"{study}.1.{number}") for number in range(len(STUDIES[study]))]
    came: dict[str, bytes] = {}
    failed: dict[str, Exception] = {}
    listed = [ListedInstance(ref, CT_IMAGE_STORAGE) for ref in refs]
    async with pacs.reader.retrieve(RetrieveScope(study), listed) as arrivals:
        async for arrival in arrivals:
            if isinstance(arrival, ReceivedInstance):
                came[arrival.ref.sop_instance_uid] = b"".join(arrival.content.pieces(1 << 20))
            elif isinstance(arrival, FailedInstance):
                failed[arrival.ref.sop_instance_uid] = arrival.error
    return came, failed


@METHODS
async def test_a_study_in_several_transfer_syntaxes_comes_whole(pacs: PacsClient, tmp_path: Path) -> None:
    came, failed = await retrieve(pacs, "2.25.7301")
    assert (len(came), failed) == (len(SENDABLE), {})
    for number, syntax in enumerate(SENDABLE):
        file = tmp_path / f"{number}.dcm"
        file.write_bytes(came[f"2.25.7301.1.{number}"])
        reference = dcmread(save(tmp_path, "2.25.7301", number, EXPLICIT_VR_LITTLE_ENDIAN)).PixelData
        assert dcmread(file).pixel_array.tobytes() == reference, syntax


@METHODS
async def test_an_instance_that_the_pacs_can_not_send_fails_alone(pacs: PacsClient) -> None:
    came, failed = await retrieve(pacs, "2.25.7302")
    assert sorted(came) == [f"2.25.7302.1.{number}" for number in (0, 2, 3, 4)]
    assert [type(error) for error in failed.values()] == [InstanceNotSentError]
    assert list(failed) == ["2.25.7302.1.1"]


@METHODS
async def test_a_study_of_which_the_pacs_can_send_nothing_fails_with_its_status(pacs: PacsClient) -> None:
    with pytest.raises(PacsFailedError) as caught:
        await retrieve(pacs, "2.25.7303")
    assert caught.value.details["status"] == "0xC000"
