"""DCMTK's decoders, which share no code with ours, read what our encoders write, and give our decoders' pixels."""

import subprocess
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

from radgate_server.adapters.imaging.codecs import decode_frame, transcode_frame
from radgate_server.core.dicom import transfer_syntaxes as uids
from radgate_server.core.imaging.frames import EncodedFrame, EncodeTarget, StoredFrame
from tests.fakes.synthetic_frames import samples_of, synthetic_frame
from tests.unit.adapters.imaging.codecs.dcmtk_references import FIRST_FRAMES
from tests.unit.adapters.imaging.rendering.instances import StoredInstance
from tests.unit.core.dicom import corpus

RLE, JPEG, JPEG_LS = ("dcmdrle",), ("dcmdjpeg", "+cn"), ("dcmdjpls",)
"""Programs; +cn keeps colours as they are."""
PROGRAMS = {
    uids.RLE_LOSSLESS: RLE,
    uids.JPEG_BASELINE: JPEG,
    uids.JPEG_EXTENDED: JPEG,
    uids.JPEG_LOSSLESS: JPEG,
    uids.JPEG_LOSSLESS_SV1: JPEG,
    uids.JPEG_LS_LOSSLESS: JPEG_LS,
    uids.JPEG_LS_NEAR_LOSSLESS: JPEG_LS,
}
LOSSLESS = [uid for uid in PROGRAMS if not uids.TRANSFER_SYNTAXES[uid].lossy]
COLOURS = ("MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL")


def uncompressed(file: Path, program: tuple[str, ...]) -> StoredFrame:
    """The first frame as DCMTK's program decodes it."""
    result = file.with_suffix(".uncompressed")
    subprocess.run([f"/usr/bin/{program[0]}", *program[1:], str(file), str(result)], check=True)
    return StoredInstance(result.read_bytes()).frame(1)


def file_of(folder: Path, frame: EncodedFrame) -> Path:
    dataset, image = Dataset(), frame.image
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = frame.transfer_syntax_uid
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = "1.2.3"
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = image.rows, image.columns, image.samples_per_pixel
    dataset.BitsAllocated, dataset.BitsStored = image.bits_allocated, image.bits_stored
    dataset.HighBit = image.bits_stored - 1
    dataset.PixelRepresentation = image.pixel_representation
    dataset.PhotometricInterpretation = image.photometric_interpretation
    if image.samples_per_pixel > 1:
        dataset.PlanarConfiguration = image.planar_configuration
    dataset.PixelData = encapsulate([frame.data])
    dataset["PixelData"].VR = "OB"
    file = BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    path = folder / "encoded.dcm"
    path.write_bytes(file.getvalue())
    return path


@pytest.mark.parametrize("uid", LOSSLESS, ids=[uids.TRANSFER_SYNTAXES[uid].name for uid in LOSSLESS])
@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(("bits", "signed"), [(8, False), (12, False), (12, True), (16, False), (16, True)])
def test_lossless_frames_are_read_exactly(uid: str, colour: str, bits: int, signed: bool, tmp_path: Path) -> None:
    native = synthetic_frame(bits, signed=signed, photometric_interpretation=colour)
    found = uncompressed(file_of(tmp_path, transcode_frame(native, EncodeTarget(uid))), PROGRAMS[uid])
    pattern = 2**bits - 1  # DCMTK leaves signs of fewer bits than the word's as they come
    theirs, ours = samples_of(decode_frame(found)).astype(int), samples_of(native).astype(int)
    assert np.array_equal(theirs & pattern, ours & pattern)


@pytest.mark.parametrize(
    ("uid", "bits", "colour", "near"),
    [
        (uids.JPEG_BASELINE, 8, "MONOCHROME2", 1),
        (uids.JPEG_BASELINE, 8, "RGB", 2),
        (uids.JPEG_EXTENDED, 12, "MONOCHROME2", 2),
        (uids.JPEG_LS_NEAR_LOSSLESS, 12, "MONOCHROME2", 0),
        (uids.JPEG_LS_NEAR_LOSSLESS, 8, "RGB", 0),
    ],
)
def test_lossy_frames_are_read_as_we_do(uid: str, bits: int, colour: str, near: int, tmp_path: Path) -> None:
    encoded = transcode_frame(synthetic_frame(bits, photometric_interpretation=colour), EncodeTarget(uid))
    found = decode_frame(uncompressed(file_of(tmp_path, encoded), PROGRAMS[uid]))
    ours = decode_frame(StoredFrame(encoded.data, uid, encoded.image))
    assert found.image.photometric_interpretation == ours.image.photometric_interpretation
    assert np.abs(samples_of(found).astype(int) - samples_of(ours)).max() <= near


@pytest.mark.parametrize("name", FIRST_FRAMES)
def test_the_references_are_dcmtks(name: str, tmp_path: Path) -> None:
    path = corpus.path_of(name)
    program = PROGRAMS[pydicom.dcmread(path).file_meta.TransferSyntaxUID]
    (tmp_path / name).write_bytes(path.read_bytes())
    assert zlib.crc32(decode_frame(uncompressed(tmp_path / name, program)).pixels) == FIRST_FRAMES[name]
