"""Turning stored instances into Explicit VR Little Endian."""

from typing import Protocol

from radgate_server.core.instance_index import InstanceIndex
from radgate_server.core.instances import InstanceContent, InstanceHandle


class InstanceDecoder(Protocol):
    """Makes uncompressed what is stored compressed, big endian, implicit or deflated. Pixels are exact.

    Raises NotAcceptableError for a transfer syntax without a decoder, InstanceMalformedError for unreadable bytes.
    """

    async def to_explicit_little_endian(self, handle: InstanceHandle) -> InstanceContent:
        """The whole DICOM file in Explicit VR Little Endian."""
        ...

    async def decode_frame(self, handle: InstanceHandle, index: InstanceIndex, frame_number: int) -> bytes:
        """One frame (from 1) as Explicit VR Little Endian Pixel Data would hold it."""
        ...
