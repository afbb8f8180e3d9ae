"""Whether a DICOM file is whole: every element from the first to the last lies where its lengths say."""

from collections.abc import Iterable
from typing import NamedTuple

from radgate_server.core.dicom.dataset.charset import charset_of
from radgate_server.core.dicom.dataset.file_meta import FileMeta, encoding_of, read_file_meta, required_uid
from radgate_server.core.dicom.dataset.inflate import inflate, inflated_pieces
from radgate_server.core.dicom.dataset.walker import Element, Walker
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import FileBytes
from radgate_server.core.dicom.transfer_syntaxes import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.errors import InstanceMalformedError

_QUICK_ELEMENTS = 2000
"""Images have some hundreds of elements, sequences counted in."""

_SPECIFIC_CHARACTER_SET = 0x00080005
_SOP_INSTANCE_UID = 0x00080018
_PATIENT_ID = 0x00100020
_STUDY_INSTANCE_UID = 0x0020000D
_SERIES_INSTANCE_UID = 0x0020000E
_IDENTIFYING = frozenset(
    {_SPECIFIC_CHARACTER_SET, _SOP_INSTANCE_UID, _PATIENT_ID, _STUDY_INSTANCE_UID, _SERIES_INSTANCE_UID}
)


class StatedIdentity(NamedTuple):
    """Which instance a data set says it is, and of which patient ("" when it does not say).

    `meta_sop_instance_uid` is what the file meta says beside it: Media Storage SOP Instance UID (0002,0003).
    """

    ref: InstanceRef
    patient_id: str
    meta_sop_instance_uid: str


def check_whole(data: memoryview | FileBytes) -> None:
    """Walk the data set of a DICOM file; of a deflated one, insist that its deflated stream is whole.

    Raises:
        InstanceMalformedError: it is truncated, does not hold together, or goes beyond the limits of this package.
    """
    meta = read_file_meta(data)
    if meta.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        for _ in inflated_pieces(data, start=meta.data_set_offset):
            continue
        return
    for _ in Walker(data).elements(meta.data_set_offset, encoding_of(meta.transfer_syntax_uid)):
        continue


def read_quickly(data: memoryview) -> StatedIdentity | None:
    """What `read_whole` gives; None for a data set of which that would take longer than a few milliseconds.

    Raises:
        InstanceMalformedError: as `read_whole`.
    """
    meta = read_file_meta(data)
    if meta.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        return None
    walker = Walker(data, _QUICK_ELEMENTS)
    try:
        return _read(data, meta, walker, meta.data_set_offset)
    except InstanceMalformedError:
        if walker.is_beyond_limit:
            return None
        raise


def read_whole(data: memoryview | FileBytes) -> StatedIdentity:
    """Walk the data set of a DICOM file to its end, as `check_whole` does, and say whose it is.

    A deflated data set is inflated in memory for it, within the limits of `inflate`.

    Raises:
        InstanceMalformedError: it is truncated, does not hold together, or lacks a UID.
    """
    meta = read_file_meta(data)
    start = meta.data_set_offset
    if meta.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        data, start = memoryview(inflate(memoryview(data[start : len(data)]))), 0
    return _read(data, meta, Walker(data), start)


def _read(data: memoryview | FileBytes, meta: FileMeta, walker: Walker, start: int) -> StatedIdentity:
    stated = _identifying(data, walker.elements(start, encoding_of(meta.transfer_syntax_uid)))
    charset = charset_of(stated.get(_SPECIFIC_CHARACTER_SET, b"").decode("latin-1").split("\\"))
    sop_instance_uid = _uid(stated, _SOP_INSTANCE_UID) or meta.sop_instance_uid
    return StatedIdentity(
        InstanceRef(
            required_uid(_uid(stated, _STUDY_INSTANCE_UID), "StudyInstanceUID"),
            required_uid(_uid(stated, _SERIES_INSTANCE_UID), "SeriesInstanceUID"),
            required_uid(sop_instance_uid, "SOPInstanceUID"),
        ),
        charset.text(stated.get(_PATIENT_ID, b"")).strip("\0 "),
        meta.sop_instance_uid,
    )


def _identifying(data: memoryview | FileBytes, elements: Iterable[Element]) -> dict[int, bytes]:
    """The values of the elements that identify; all elements are walked."""
    return {
        element.tag: bytes(data[element.offset : element.offset + element.length])
        for element in elements
        if element.tag in _IDENTIFYING
    }


def _uid(stated: dict[int, bytes], tag: int) -> str:
    return stated.get(tag, b"").decode("latin-1").strip("\0 ")
