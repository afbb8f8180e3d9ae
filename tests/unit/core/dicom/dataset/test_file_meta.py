"""File meta: made, read, and used to distinguish instances ."""

import zlib
from io import BytesIO

import pydicom
import pytest

from radgate_server.core.dicom.dataset.file_meta import (
    IMPLEMENTATION_CLASS_UID,
    FileMeta,
    FilePatient,
    file_meta_bytes,
    identify,
    patient_of,
    read_file_meta,
)
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.transfer_syntaxes import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.errors import InstanceMalformedError
from tests.unit.core.dicom import corpus
from tests.unit.core.dicom.encode import element, file, implicit, implicit_file, item, sequence

UIDS = (
    element(0x00080016, "UI", b"1.2.9\0")
    + element(0x00080018, "UI", b"1.2.3\0")
    + sequence(0x00081140, item(element(0x00080018, "UI", b"9.9.9\0")))
    + element(0x0020000D, "UI", b"1.2.1\0")
    + element(0x0020000E, "UI", b"1.2.2\0")
)
MUELLER = element(0x00100010, "PN", b"M\xfcller^J ")


def test_what_is_made_can_be_read() -> None:
    made = file_meta_bytes("1.2.840.10008.5.1.4.1.1.2", "1.2.34", "1.2.840.10008.1.2.1")
    assert read_file_meta(memoryview(made)) == FileMeta(
        "1.2.840.10008.5.1.4.1.1.2", "1.2.34", "1.2.840.10008.1.2.1", len(made)
    )
    meta = pydicom.dcmread(BytesIO(made)).file_meta
    assert meta.FileMetaInformationGroupLength == len(made) - 144
    assert meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert meta.FileMetaInformationVersion == b"\0\1"


@pytest.mark.parametrize("name", ["no_meta.dcm", "ExplVR_LitEndNoMeta.dcm", "meta_missing_tsyntax.dcm"])
def test_files_without_their_meta_are_malformed(name: str) -> None:
    with pytest.raises(InstanceMalformedError):
        read_file_meta(corpus.read(name))


@pytest.mark.parametrize("length", [0, 100, 131, 132, 140, 160, 300])
def test_too_short_files_are_malformed(length: int) -> None:
    with pytest.raises(InstanceMalformedError):
        read_file_meta(corpus.read("CT_small.dcm")[:length])


def test_identity_needs_no_more_than_reaches_the_series() -> None:
    head = bytes(file(UIDS))
    identity = identify(head + element(0x7FE00010, "OW", b"", 0xFFFFFFF0))
    assert identity.ref == InstanceRef("1.2.1", "1.2.2", "1.2.3")
    assert (identity.sop_class_uid, identity.transfer_syntax_uid) == ("1.2.9", "1.2.840.10008.1.2.1")
    with pytest.raises(InstanceMalformedError):
        identify(head[:-4])


def test_identity_falls_back_to_the_file_meta() -> None:
    encoded = implicit(0x0020000D, b"1.2.1\0") + implicit(0x0020000E, b"1.2.2\0")
    identity = identify(implicit_file(encoded))
    assert (identity.ref.sop_instance_uid, identity.sop_class_uid) == ("1.2.3", "1.2.840.10008.5.1.4.1.1.7")


def test_identity_of_deflated_instances() -> None:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    deflated = deflater.compress(UIDS) + deflater.flush()
    assert identify(file(deflated, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)).ref.series_instance_uid == "1.2.2"
    with pytest.raises(InstanceMalformedError, match="inflated"):
        identify(file(b"\xff\xff\xff", DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN))


@pytest.mark.parametrize("study", [b"", b"one.two ", b"1" * 66])
def test_uids_that_are_none_are_malformed(study: bytes) -> None:
    encoded = element(0x0020000D, "UI", study) + element(0x0020000E, "UI", b"1.2.2\0")
    with pytest.raises(InstanceMalformedError, match="StudyInstanceUID"):
        identify(file(encoded))


@pytest.mark.parametrize(
    ("elements", "reported"),
    [
        (
            (element(0x00100010, "PN", b"M\xfcller^J "), element(0x00100020, "LO", b"P-1 ")),
            FilePatient("P-1", "Müller^J"),
        ),
        ((MUELLER, element(0x00100030, "DA", b"")), FilePatient("", "Müller^J")),
        ((element(0x00100020, "LO", b"P-1 "),), FilePatient("P-1", "")),
        ((), FilePatient("", "")),
    ],
)
def test_the_patient_is_read_in_the_files_own_characters(elements: tuple[bytes, ...], reported: FilePatient) -> None:
    latin = element(0x00080005, "CS", b"ISO_IR 100")
    assert patient_of(file(latin + b"".join(elements) + element(0x0020000D, "UI", b"1.2.1\0"))) == reported
