from io import BytesIO

import pytest
from pydicom import Dataset, dcmread
from pydicom.sequence import Sequence

from radgate_server.core.dicom.dataset.file_meta import read_file_meta
from radgate_server.core.dicom.pixel_data.uncompressed import REWRITABLE, rewrite_native
from radgate_server.core.dicom.transfer_syntaxes import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.errors import InstanceMalformedError
from tests.fakes.instances import encode, make_dataset


def with_sequences() -> Dataset:
    inner = Dataset()
    inner.CodeValue, inner.CodeMeaning = "1", "Erste"
    middle = Dataset()
    middle.PurposeOfReferenceCodeSequence = Sequence([inner, Dataset()])
    middle.ReferencedSOPInstanceUID = "1.2.3"
    dataset = make_dataset("1.2", "1.2.3", "1.2.3.4", rows=3, columns=3)
    dataset.ReferencedImageSequence = Sequence([middle])
    dataset.SourceImageSequence = Sequence([])
    dataset.add_new(0x00091001, "UN", b"private\0")
    return dataset


def rewritten(dataset: Dataset, transfer_syntax_uid: str) -> bytes:
    return b"".join(rewrite_native(memoryview(encode(dataset)), transfer_syntax_uid))


@pytest.mark.parametrize("uid", sorted(REWRITABLE))
def test_every_value_stays_as_it_is(uid: str) -> None:
    dataset = with_sequences()
    read = dcmread(BytesIO(rewritten(dataset, uid)))
    assert read.file_meta.TransferSyntaxUID == uid
    assert read == dataset
    assert read.to_json() == dataset.to_json()


def test_implicit_means_without_vrs() -> None:
    file = rewritten(with_sequences(), IMPLICIT_VR_LITTLE_ENDIAN)
    start = read_file_meta(memoryview(file)).data_set_offset
    assert file[start : start + 8] == b"\x08\x00\x05\x00\x0a\x00\x00\x00"  # Specific Character Set, 10 bytes


def test_what_is_deflated_is_of_even_length_and_smaller() -> None:
    dataset = with_sequences()
    sizes = set()
    for columns in range(8, 60):
        dataset.PatientComments = "x" * columns * columns
        deflated = rewritten(dataset, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)
        assert len(deflated) % 2 == 0
        assert len(deflated) < len(encode(dataset))
        sizes.add(len(deflated))
    assert len(sizes) > 1


def test_a_file_that_does_not_hold_together() -> None:
    whole = encode(with_sequences())
    with pytest.raises(InstanceMalformedError):
        b"".join(rewrite_native(memoryview(whole[:-3]), IMPLICIT_VR_LITTLE_ENDIAN))
