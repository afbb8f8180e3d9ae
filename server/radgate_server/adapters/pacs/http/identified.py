"""A DICOM file that came over HTTP, as the instance that it says it is."""

from radgate_server.core.dicom.dataset.file_meta import Identity, identify
from radgate_server.core.dicom.instances import InstanceContent, ReceivedInstance
from radgate_server.core.errors import InstanceMalformedError

_HEAD_BYTES = (64 * 1024, 4 * 1024 * 1024)
"""The UIDs stand near the beginning; a long sequence before them is rare."""


def identified(pacs: str, content: InstanceContent) -> ReceivedInstance:
    """Read from the file which instance it is; what headers and URLs say does not count.

    Raises:
        InstanceMalformedError: it is no DICOM file, or does not say which instance it is.
    """
    identity = _identity(pacs, content)
    return ReceivedInstance(identity.ref, identity.sop_class_uid, identity.transfer_syntax_uid, content)


def _identity(pacs: str, content: InstanceContent) -> Identity:
    for size in _HEAD_BYTES:
        try:
            return identify(_head(content, size))
        except InstanceMalformedError:
            if content.size_bytes <= size:
                break
    raise InstanceMalformedError("the PACS sent an instance that is no DICOM file", pacs=pacs)


def _head(content: InstanceContent, size: int) -> bytes:
    head = bytearray()
    for piece in content.pieces(size):
        head += piece
        if len(head) >= size:
            break
    return bytes(head[:size])
