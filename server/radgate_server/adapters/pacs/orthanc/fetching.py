"""One instance's file: GET /instances/{id}/file gives it as it was stored, whatever StorageCompression does on disk."""

from radgate_server.adapters.pacs.http import PacsHttp
from radgate_server.adapters.pacs.http.received import receive_content
from radgate_server.core.dicom.file_meta import identify
from radgate_server.core.errors import InstanceMalformedError, PacsFailedError
from radgate_server.core.instances import InstanceContent, ListedInstance, ReceivedInstance

_HEAD_BYTES = 1 << 20  # more than what stands before the UIDs takes


async def fetch_file(http: PacsHttp, resource_id: str, *, max_bytes: int) -> InstanceContent | None:
    """Fetch the file, None when Orthanc has no such instance.

    Raises:
        PacsError: no answer, a failure status, a connection that broke.
        InstanceTooLargeError, SpoolFullError: there is no room for it.
    """
    async with http.open("GET", f"/instances/{resource_id}/file") as stream:
        if stream.status != 200:
            return None
        return await receive_content(stream.pieces(), max_bytes=max_bytes)


def received(pacs: str, listed: ListedInstance, content: InstanceContent) -> ReceivedInstance:
    """The file as the instance that was asked for.

    Raises:
        PacsFailedError: it is another one, or none.
    """
    try:
        identity = identify(_head(content))
    except InstanceMalformedError:
        raise PacsFailedError("the PACS sent an instance that is no DICOM file", pacs=pacs) from None
    if identity.ref != listed.ref:
        raise PacsFailedError("the PACS sent another instance than the one it was asked for", pacs=pacs)
    return ReceivedInstance(identity.ref, identity.sop_class_uid, identity.transfer_syntax_uid, content)


def _head(content: InstanceContent) -> bytes:
    head = bytearray()
    for piece in content.pieces(_HEAD_BYTES):
        head += piece
        if len(head) >= _HEAD_BYTES:
            break
    return bytes(head)
