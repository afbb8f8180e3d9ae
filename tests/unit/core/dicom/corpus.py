"""The real files of pydicom and pydicom-data, as far as they lie on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import data_store
import google_crc32c
import pydicom.data

from radgate_server.core.dicom.dataset.file_meta import read_file_meta
from radgate_server.core.dicom.identifiers import InstanceRef

_PYDICOM = Path(pydicom.data.__file__).parent
_FOLDERS = (_PYDICOM / "test_files", _PYDICOM / "charset_files", Path(data_store.__file__).parent / "data")

TRUNCATED = frozenset(
    {"MR_truncated.dcm", "rtplan_truncated.dcm", "DICOMDIR-nooffset", "emri_small_jpeg_2k_lossless_too_short.dcm"}
)
"""Files that end too early."""
NO_TRANSFER_SYNTAX = frozenset({"meta_missing_tsyntax.dcm"})


def path_of(name: str) -> Path:
    return next(path for folder in _FOLDERS for path in folder.rglob(name))


def read(name: str) -> memoryview:
    return memoryview(path_of(name).read_bytes())


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132).endswith(b"DICM")


FILES = sorted(
    path
    for folder in _FOLDERS
    for path in folder.rglob("*")
    if path.is_file() and _is_dicom(path) and path.name not in NO_TRANSFER_SYNTAX
)
SOUND_FILES = [path for path in FILES if path.name not in TRUNCATED]


class BytesHandle:
    """InstanceHandle over bytes in memory."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = memoryview(data)
        meta = read_file_meta(self._data)
        self.ref = InstanceRef("1.1", "1.2", meta.sop_instance_uid or "1.3")
        self.sop_class_uid = meta.sop_class_uid
        self.transfer_syntax_uid = meta.transfer_syntax_uid
        self.size_bytes = len(data)
        self.crc32c = google_crc32c.value(bytes(data))

    async def read(self, offset: int, length: int) -> bytes:
        return bytes(self._data[offset : offset + length])

    def view(self, offset: int, length: int) -> memoryview:
        return self._data[offset : offset + length]

    @contextmanager
    def open_buffer(self) -> Iterator[memoryview]:
        yield self._data
