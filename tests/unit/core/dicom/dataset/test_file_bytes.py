"""Files that are not in memory are looked into with the same result as those that are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from radgate_server.core.dicom.dataset.completeness import check_whole
from radgate_server.core.dicom.dataset.element_encoding import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from radgate_server.core.dicom.dataset.file_meta import file_meta_bytes, identify, patient_of, read_file_meta
from radgate_server.core.dicom.dataset.walker import Walker
from radgate_server.core.errors import InstanceMalformedError
from tests.unit.core.dicom import corpus
from tests.unit.core.dicom.encode import element

LOOKS = (identify, patient_of, read_file_meta, check_whole)


class Sliced:
    """FileBytes that counts what is read of it."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.read_bytes = 0

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, span: slice, /) -> bytes:
        piece = self._data[span]
        self.read_bytes += len(piece)
        return piece


def outcome(look: Callable[[Any], object], data: object) -> object:
    try:
        return look(data)
    except InstanceMalformedError as error:
        return error.message


@pytest.mark.parametrize("path", corpus.FILES, ids=lambda path: path.name)
def test_every_real_file(path: Path) -> None:
    data = path.read_bytes()
    for look in LOOKS:
        assert outcome(look, Sliced(data)) == outcome(look, memoryview(data))


@pytest.mark.parametrize("encoding", [IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG])
@pytest.mark.parametrize("name", ["rtplan.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "emri_small.dcm"])
def test_elements_and_items_lie_where_they_do_in_memory(name: str, encoding: Any) -> None:
    data = corpus.path_of(name).read_bytes()
    start = read_file_meta(memoryview(data)).data_set_offset

    def walk(source: Any) -> object:
        return Walker(source).data_set(start, encoding)

    assert outcome(walk, Sliced(data)) == outcome(walk, memoryview(data))


@pytest.mark.parametrize("name", ["CT_small.dcm", "image_dfl.dcm", "rtplan.dcm"])
def test_files_that_end_anywhere(name: str) -> None:
    data = corpus.path_of(name).read_bytes()
    for length in (*range(0, 2000, 7), *range(len(data) - 40, len(data))):
        for look in LOOKS:
            assert outcome(look, Sliced(data[:length])) == outcome(look, memoryview(data)[:length])


def test_pixels_are_not_read() -> None:
    head = file_meta_bytes("1.2.9", "1.2.3", "1.2.840.10008.1.2.1") + element(0x00100020, "LO", b"P-77")
    file = Sliced(head + element(0x7FE00010, "OW", bytes(5_000_000)))
    check_whole(file)
    assert patient_of(file).patient_id == "P-77"
    assert file.read_bytes < 5_000
