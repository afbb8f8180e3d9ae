"""One instance's file: GET /instances/{id}/file gives it as it was stored, whatever StorageCompression does on disk."""

from radgate_server.adapters.pacs.http import PacsHttp
from radgate_server.adapters.pacs.http.identified import identified
from radgate_server.adapters.pacs.http.received import receive_content
from radgate_server.core.dicom.instances import InstanceContent, ListedInstance, ReceivedInstance
from radgate_server.core.errors import InstanceMismatchError


async def fetch_file(http: PacsHttp, resource_id: str, *, max_bytes: int) -> InstanceContent | None:
    """Fetch the file, None when Orthanc has no such instance.

    Raises:
        PacsError: no answer, a failure status, a connection that broke.
        InstanceTooLargeError, SpoolFullError: there is no room for it.
    """
    async with http.open(f"/instances/{resource_id}/file") as stream:
        if stream.status != 200:
            return None
        return await receive_content(stream.pieces(), max_bytes=max_bytes)


def as_listed(pacs: str, listed: ListedInstance, content: InstanceContent) -> ReceivedInstance:
    """The file as the instance that was asked for.

    Raises:
        InstanceMismatchError: it is another one.
        InstanceMalformedError: it is none.
    """
    instance = identified(pacs, content)
    if instance.ref != listed.ref:
        raise InstanceMismatchError("the PACS sent another instance than the one it was asked for", pacs=pacs)
    return instance
