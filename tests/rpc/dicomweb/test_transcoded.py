"""WADO-RS in transfer syntaxes that the PACS does not have: what is sent, kept, refused."""

from io import BytesIO

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate

from tests.fakes.instances import make_instance, make_study
from tests.rpc.calls import reason_of
from tests.rpc.dicomweb.web import Web
from tests.rpc.rig import Rig

EVRLE = "1.2.840.10008.1.2.1"
HTJ2K, HTJ2K_LOSSY = "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"
J2K, JPEG = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.50"
STUDY = "2.25.4100"
DICOM = "application/dicom"


def dicom(*syntaxes: str) -> str:
    return f'multipart/related; type="{DICOM}"' + "".join(f"; transfer-syntax={syntax}" for syntax in syntaxes)


@pytest.fixture
async def study(rig: Rig, web: Web) -> Web:
    """Twelve instances of 64 x 64 pixels."""
    pixels = (np.arange(64 * 64) % 4096).astype("<u2").tobytes()
    rig.east.add(*make_study(12, study=STUDY, rows=64, columns=64, PixelData=pixels))
    return web


async def test_every_instance_of_a_study_is_transcoded(rig: Rig, study: Web) -> None:
    answer = await study.get(f"/studies/{STUDY}", dicom(HTJ2K))
    assert answer.error is None
    assert [head for head, _ in answer.parts] == [f"{DICOM}; transfer-syntax={HTJ2K}"] * 12
    for _, data in answer.parts:
        dataset = pydicom.dcmread(BytesIO(data))
        assert dataset.file_meta.TransferSyntaxUID == HTJ2K
        assert np.array_equal(dataset.pixel_array.ravel(), np.arange(64 * 64) % 4096)
    assert len(rig.workers.calls) == 12


async def test_what_was_made_is_not_made_again(rig: Rig, study: Web) -> None:
    first = await study.get(f"/studies/{STUDY}", dicom(HTJ2K))
    made = len(rig.workers.calls)
    again = await study.get(f"/studies/{STUDY}", dicom(HTJ2K))
    assert again.parts == first.parts
    assert len(rig.workers.calls) == made
    frame = f"/studies/{STUDY}/series/{STUDY}.1/instances/{STUDY}.1.1/frames/1"
    accept = f"image/jphc; transfer-syntax={HTJ2K}"
    cold, kept = [await study.get(frame, accept) for _ in range(2)]
    assert cold.body == kept.body
    assert len(rig.workers.calls) == made + 1


async def test_what_belongs_to_another_tenant_is_made_for_itself(rig: Rig, study: Web) -> None:
    rig.west.add(*make_study(1, study=STUDY, rows=64, columns=64, PixelData=bytes(64 * 64 * 2)))
    await study.get(f"/studies/{STUDY}", dicom(HTJ2K))
    west = Web(study.channel, await rig.key("west"))
    ((_, data),) = (await west.get(f"/studies/{STUDY}", dicom(HTJ2K))).parts
    assert not pydicom.dcmread(BytesIO(data)).pixel_array.any()


async def test_as_stored_asks_no_worker(rig: Rig, study: Web) -> None:
    for accept in ("*/*", dicom("*"), dicom(EVRLE), dicom(HTJ2K, EVRLE)):
        answer = await study.get(f"/studies/{STUDY}", accept)
        assert {head for head, _ in answer.parts} == {f"{DICOM}; transfer-syntax={EVRLE}"}
    assert rig.workers.calls == []


async def test_a_damaged_instance_costs_itself(rig: Rig, study: Web) -> None:
    rig.east.add(
        make_instance(
            STUDY,
            f"{STUDY}.1",
            f"{STUDY}.1.99",
            transfer_syntax_uid=J2K,
            PixelData=encapsulate([b"\xff\x4f\xff\x51no"]),
        )
    )
    answer = await study.get(f"/studies/{STUDY}", dicom(HTJ2K))
    assert answer.body.count(f"Content-Type: {DICOM}; transfer-syntax={HTJ2K}".encode()) == 12
    assert answer.error is not None
    assert reason_of(answer.error) == "INSTANCE_MALFORMED"


@pytest.mark.parametrize("broken", [2, 3, 4])
async def test_a_damaged_frame_costs_itself(rig: Rig, web: Web, broken: int) -> None:
    pixels = (np.arange(64 * 64) % 256).astype("<u2").reshape(64, 64)
    codestreams = [imagecodecs.jpeg2k_encode(pixels, codecformat="J2K", reversible=True) for _ in range(4)]
    codestreams[broken - 1] = codestreams[broken - 1][:60] + b"\xff\x4f" * 40
    compressed = {"transfer_syntax_uid": J2K, "PixelData": encapsulate(codestreams)}
    rig.east.add(make_instance(STUDY, f"{STUDY}.1", f"{STUDY}.1.1", rows=64, columns=64, frames=4, **compressed))
    url = f"/studies/{STUDY}/series/{STUDY}.1/instances/{STUDY}.1.1"
    accept = f'multipart/related; type="image/jphc"; transfer-syntax={HTJ2K}'
    for asked in ("/frames/1,2,3,4", "/bulkdata/7FE00010", "/frames/1,2,3,4"):  # the last one is not cached either
        answer = await web.get(url + asked, accept)
        assert answer.error is not None
        assert reason_of(answer.error) == "INSTANCE_MALFORMED"
        assert answer.locations == [f"../frames/{number}" for number in (1, 2, 3, 4) if number != broken]
        assert not answer.body.endswith(b"--\r\n")


async def test_with_loss_only_when_nothing_else_is_accepted(study: Web) -> None:
    instance = f"/studies/{STUDY}/series/{STUDY}.1/instances/{STUDY}.1.1"
    both = await study.get(instance, dicom(HTJ2K_LOSSY, HTJ2K))
    lossy = await study.get(instance, dicom(HTJ2K_LOSSY))
    (found,), (less,) = ([pydicom.dcmread(BytesIO(data)) for _, data in answer.parts] for answer in (both, lossy))
    assert (found.file_meta.TransferSyntaxUID, found.SOPInstanceUID) == (HTJ2K, f"{STUDY}.1.1")
    assert (less.file_meta.TransferSyntaxUID, less.LossyImageCompression) == (HTJ2K_LOSSY, "01")
    assert less.SOPInstanceUID != f"{STUDY}.1.1"


async def test_what_no_codec_holds_is_refused_with_the_reason(study: Web) -> None:
    answer = await study.get(f"/studies/{STUDY}/series/{STUDY}.1/instances/{STUDY}.1.1", dicom(JPEG))
    assert answer.error is not None
    assert reason_of(answer.error) == "NOT_ACCEPTABLE"
    assert "Bits Stored 12" in (answer.error.details() or "")


async def test_wado_uri_takes_any_transfer_syntax(study: Web) -> None:
    uids = f"studyUID={STUDY}&seriesUID={STUDY}.1&objectUID={STUDY}.1.1"
    answer = await study.get(f"/wado?requestType=WADO&{uids}&contentType=application/dicom&transferSyntax={HTJ2K}")
    assert answer.content_type == f"{DICOM}; transfer-syntax={HTJ2K}"
