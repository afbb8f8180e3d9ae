"""Where a server answers retrieves, found out once: WADO-RS with this or that Accept, or WADO-URI."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from radgate_server.adapters.pacs.http import HttpStream, PacsHttp
from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.errors import InstanceNotSentError

MISSING = frozenset({400, 404, 405, 406, 410, 415, 501})
"""Statuses that say: not here, or not in this way."""
_NOT_THIS_ACCEPT = frozenset({400, 406})
_ACCEPTS = (
    # as it is stored; then, for servers that know no star, as the server likes it
    'multipart/related; type="application/dicom"; transfer-syntax=*',
    'multipart/related; type="application/dicom"',
)

type Read[T] = Callable[[HttpStream], Awaitable[T]]


class Wado:
    """Asks for DICOM files. What worked is asked first from then on."""

    def __init__(self, http: PacsHttp, wado_uri_url: str) -> None:
        self._http = http
        self._wado_uri_url = wado_uri_url
        self._accepts: tuple[str, ...] = _ACCEPTS
        self._uri_first = False

    @asynccontextmanager
    async def open_scope(self, scope: RetrieveScope) -> AsyncIterator[HttpStream]:
        """Ask WADO-RS for a study, series or instance; a status of MISSING is for the caller to judge."""
        path = path_of(scope)
        for accept in self._accepts[:-1]:
            async with self._http.open(path, headers={"accept": accept}, judged=MISSING) as stream:
                if stream.status not in _NOT_THIS_ACCEPT:
                    yield stream
                    return
        async with self._http.open(path, headers={"accept": self._accepts[-1]}, judged=MISSING) as stream:
            if stream.status not in MISSING:
                self._accepts = self._accepts[-1:]
            yield stream

    @asynccontextmanager
    async def open_uri(self, ref: InstanceRef) -> AsyncIterator[HttpStream]:
        """Ask WADO-URI for an instance; without a transfer syntax most servers give it as it is stored."""
        parameters = (
            ("requestType", "WADO"),
            ("studyUID", ref.study_instance_uid),
            ("seriesUID", ref.series_instance_uid),
            ("objectUID", ref.sop_instance_uid),
            ("contentType", "application/dicom"),
        )
        async with self._http.open(self._wado_uri_url, params=parameters, judged=MISSING) as stream:
            yield stream

    async def first_answer[T](self, ref: InstanceRef, read: Read[T]) -> T:
        """Read the instance from the first door that has it.

        Raises:
            InstanceNotSentError: none has.
            PacsError: as `read` and the connection.
        """
        for is_uri in self._routes():
            opened = self.open_uri(ref) if is_uri else self.open_scope(_scope_of(ref))
            async with opened as stream:
                if stream.status not in MISSING:
                    result = await read(stream)
                    self._uri_first = is_uri
                    return result
        raise InstanceNotSentError("the PACS lists the instance but did not send it", pacs=self._http.pacs)

    def _routes(self) -> tuple[bool, ...]:
        """Which ways to go: WADO-URI (True), WADO-RS (False)."""
        if not self._wado_uri_url:
            return (False,)
        return (True, False) if self._uri_first else (False, True)


def path_of(scope: RetrieveScope) -> str:
    """The resource of a study, series or instance below the server's root."""
    parts = (
        ("/studies/", scope.study_instance_uid),
        ("/series/", scope.series_instance_uid),
        ("/instances/", scope.sop_instance_uid),
    )
    return "".join(name + uid for name, uid in parts if uid)


def _scope_of(ref: InstanceRef) -> RetrieveScope:
    return RetrieveScope(ref.study_instance_uid, ref.series_instance_uid, ref.sop_instance_uid)
