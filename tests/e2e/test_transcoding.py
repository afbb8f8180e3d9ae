"""Any transfer syntax from an archive that has another: through Envoy, read by other decoders than Radgate's."""

import subprocess
from io import BytesIO
from pathlib import Path

import httpx
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import pixel_array

from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.studies import GREY_SLICES, GREY_STUDY, Original, of_syntax
from tests.e2e.waiting import wait_for

EXPLICIT = "1.2.840.10008.1.2.1"
RLE = "1.2.840.10008.1.2.5"
JPEG, JPEG_LOSSLESS = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
J2K, J2K_LOSSY, HTJ2K = (f"1.2.840.10008.1.2.4.{number}" for number in (90, 91, 202))
MADE = (RLE, JPEG_LOSSLESS, JPEG_LS, J2K, HTJ2K)
DCMTK = {JPEG_LS: "/usr/bin/dcmdjpls", JPEG_LOSSLESS: "/usr/bin/dcmdjpeg"}
"""DCMTK's programs for what pydicom has no decoder here."""


def url(original: Original) -> str:
    ref = original.ref
    series = f"/dicom-web/studies/{ref.study_instance_uid}/series/{ref.series_instance_uid}"
    return f"{series}/instances/{ref.sop_instance_uid}"


def retrieved(web: httpx.Client, original: Original, syntax: str) -> Dataset:
    answer = web.get(url(original), headers={"accept": f"application/dicom; transfer-syntax={syntax}"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == f"application/dicom; transfer-syntax={syntax}"
    return pydicom.dcmread(BytesIO(answer.content))


def pixels_of(dataset: Dataset, folder: Path) -> np.ndarray:
    """The pixels as somebody else decodes them."""
    program = DCMTK.get(dataset.file_meta.TransferSyntaxUID)
    if program is None:
        return pixel_array(dataset)
    dataset.save_as(folder / "compressed.dcm")
    subprocess.run([program, folder / "compressed.dcm", folder / "plain.dcm"], check=True, timeout=60)
    return pixel_array(folder / "plain.dcm")


@pytest.mark.parametrize("syntax", MADE)
@pytest.mark.parametrize("name", ["explicit", "implicit", "rle", "jpeg 2000", "multi-frame rle"])
def test_pixels_survive_exactly(east: httpx.Client, tmp_path: Path, name: str, syntax: str) -> None:
    original = of_syntax(name)
    received = retrieved(east, original, syntax)
    assert received.SOPInstanceUID == original.ref.sop_instance_uid
    assert received.get("LossyImageCompression") == original.dataset.get("LossyImageCompression")
    np.testing.assert_array_equal(pixels_of(received, tmp_path), pixel_array(original.dataset))


@pytest.mark.parametrize("name", ["jpeg-ls", "jpeg lossless"])
def test_what_pydicom_can_not_decode_is_decoded(east: httpx.Client, tmp_path: Path, name: str) -> None:
    original = of_syntax(name)
    received = retrieved(east, original, EXPLICIT)
    np.testing.assert_array_equal(pixel_array(received), pixels_of(original.dataset, tmp_path))


def test_a_whole_study_comes_in_the_syntax_that_is_asked_for(east: httpx.Client) -> None:
    accept = f'multipart/related; type="application/dicom"; transfer-syntax={HTJ2K}'
    answer = east.get(f"/dicom-web/studies/{GREY_STUDY}", headers={"accept": accept})
    assert answer.status_code == 200
    assert answer.content.count(f"\r\nContent-Type: application/dicom; transfer-syntax={HTJ2K}\r\n".encode()) == (
        GREY_SLICES
    )


@pytest.mark.parametrize(
    ("accept", "media_type", "syntax"),
    [
        (f"image/jphc; transfer-syntax={HTJ2K}", "image/jphc", HTJ2K),
        ("image/jls", "image/jls", JPEG_LS),
        ("image/jpeg", "image/jpeg", JPEG_LOSSLESS),
        ("image/jp2", "image/jp2", J2K),
        ("image/dicom-rle", "image/dicom-rle", RLE),
    ],
)
def test_frames_come_as_media_types(east: httpx.Client, accept: str, media_type: str, syntax: str) -> None:
    answer = east.get(f"{url(of_syntax('explicit'))}/frames/1", headers={"accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"{media_type}; transfer-syntax={syntax}"
    file = retrieved(east, of_syntax("explicit"), syntax)
    (frame,) = pydicom.encaps.generate_frames(file.PixelData, number_of_frames=1)
    assert frame.rstrip(b"\0") == answer.content.rstrip(b"\0")


def test_what_lost_something_says_so(east: httpx.Client) -> None:
    original = of_syntax("explicit")
    received, again = (retrieved(east, original, J2K_LOSSY) for _ in range(2))
    assert received.SOPInstanceUID == again.SOPInstanceUID != original.ref.sop_instance_uid
    assert received.file_meta.MediaStorageSOPInstanceUID == received.SOPInstanceUID
    assert (received.LossyImageCompression, received.LossyImageCompressionMethod) == ("01", "ISO_15444_1")
    assert received.ImageType[0] == "DERIVED"
    assert received.SourceImageSequence[-1].ReferencedSOPInstanceUID == original.ref.sop_instance_uid
    before, after = pixel_array(original.dataset).astype(int), pixel_array(received).astype(int)
    assert 0 < np.abs(after - before).mean() < np.ptp(before) / 20


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("", "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.92"),
        ("", f"application/dicom; transfer-syntax={JPEG}"),  # 16 bits
        ("", "application/dicom; transfer-syntax=1.2.840.10008.1.2.2"),
        ("/frames/1", f"image/jpeg; transfer-syntax={JPEG}"),
        ("/frames/1", "image/jpx"),
    ],
)
def test_what_can_not_be_made_is_not_acceptable(east: httpx.Client, path: str, accept: str) -> None:
    answer = east.get(f"{url(of_syntax('explicit'))}{path}", headers={"accept": accept})
    assert answer.status_code == 406
    assert answer.json()["details"][0]["metadata"] == {"stored": EXPLICIT}


def test_why_a_transfer_syntax_can_not_be_made_is_said(east: httpx.Client) -> None:
    accept = f"application/dicom; transfer-syntax={JPEG}"
    answer = east.get(url(of_syntax("explicit")), headers={"accept": accept})
    assert "can't be made JPEG Baseline" in answer.json()["message"]


def test_what_was_made_is_kept(radgate: RadgateProcess, east: httpx.Client) -> None:
    admin = {"authorization": f"Bearer {radgate.cli('key', 'create', '--tenant', 'east', '--role', 'admin').strip()}"}

    def hits() -> int:
        stats = httpx.get(f"{radgate.url}/api/v1/admin/cache/stats", headers=admin, timeout=60).json()
        (tier,) = (tier for tier in stats["tiers"] if tier["tier"] == "CACHE_TIER_DERIVED")
        return int(tier["hits"])

    first = retrieved(east, of_syntax("rle"), HTJ2K)
    before = hits()

    def is_found() -> bool:
        assert retrieved(east, of_syntax("rle"), HTJ2K) == first
        return hits() > before

    wait_for(is_found, "the cached instance is found")
