"""The PacsStore role: POST /instances."""

from radgate_server.adapters.pacs.http import HttpAnswer
from radgate_server.adapters.pacs.http.bodies import file_pieces
from radgate_server.adapters.pacs.orthanc.rest import OrthancRest, readable
from radgate_server.core.errors import PacsCannotError, PacsFailedError
from radgate_server.core.instances import ReceivedInstance
from radgate_server.core.ports.pacs import StoreOutcome

_HELD = frozenset(("Success", "AlreadyStored"))
_FAILURES: dict[int, tuple[str, str]] = {
    # HTTP status: (status of PS3.4 B.2.3, what it means)
    400: ("C000", "it can't read the instance"),
    413: ("A700", "the instance is larger than it takes"),
    507: ("A700", "its storage is full"),
}
_FILTERED_OUT = ("0124", "a filter of its own keeps it out")
_READ_ONLY = 405


class OrthancStore:
    """PacsStore over Orthanc's REST API. Its OverwriteInstances says whether a second copy replaces the first one."""

    def __init__(self, rest: OrthancRest) -> None:
        self._rest = rest

    async def store(self, instance: ReceivedInstance) -> StoreOutcome:
        """Upload the file as it is.

        Raises:
            PacsError: it was not stored; PacsFailedError has the status of PS3.4 B.2.3 that fits.
        """
        content = instance.content
        headers = {"content-type": "application/dicom", "content-length": str(content.size_bytes)}
        answer = await self._rest.http.ask(
            "POST", "/instances", headers=headers, body=lambda: file_pieces(content), judged=(*_FAILURES, _READ_ONLY)
        )
        if answer.status == _READ_ONLY:
            raise PacsCannotError("the PACS is set to read-only and stores nothing", pacs=self._rest.pacs)
        if answer.status in _FAILURES:
            raise self._failure(*_FAILURES[answer.status])
        if self._status(answer) not in _HELD:
            raise self._failure(*_FILTERED_OUT)
        return StoreOutcome()

    def _status(self, answer: HttpAnswer) -> str:
        with readable(self._rest.pacs):
            return str(answer.json()["Status"])

    def _failure(self, status: str, meaning: str) -> PacsFailedError:
        text = f"the PACS refused to store the instance (status 0x{status}): {meaning}"
        return PacsFailedError(text, pacs=self._rest.pacs, status=status)
