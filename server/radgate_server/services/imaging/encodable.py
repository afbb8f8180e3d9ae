"""Whether an instance's pixels can be brought into the transfer syntax that is wanted."""

from radgate_server.core.dicom.instance_index import InstanceIndex
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, TRANSFER_SYNTAXES
from radgate_server.core.errors import NotAcceptableError
from radgate_server.core.imaging.frames import EncodeTarget

_PIXEL_DATA = "7FE00010"


def is_encodable(target: EncodeTarget) -> bool:
    """Whether there is a way to make it at all."""
    row = TRANSFER_SYNTAXES.get(target.transfer_syntax_uid)
    return row is not None and row.encodable and (row.kind != "native" or row.uid == EXPLICIT_VR_LITTLE_ENDIAN)


def require_encodable(handle: InstanceHandle, index: InstanceIndex, target: EncodeTarget) -> None:
    """Insist that there is Pixel Data, not Float Pixel Data, which is never compressed (PS3.5 8.2), and a way.

    Raises:
        NotAcceptableError: `stored` is the transfer syntax that the instance is in.
        InstanceMalformedError: its Pixel Data is not what the header says.
    """
    stored = handle.transfer_syntax_uid
    if index.sound_frames() is None or _PIXEL_DATA not in index.bulk:
        raise NotAcceptableError("the instance has no pixels that can be compressed", stored=stored)
    if not is_encodable(target):
        raise NotAcceptableError("the transfer syntax that is wanted can't be made", stored=stored)
