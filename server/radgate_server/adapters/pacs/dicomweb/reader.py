"""The PacsReader role: WADO-RS (PS3.18 10.4), WADO-URI (PS3.18 9.4) where that is missing."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from functools import partial

from radgate_server.adapters.pacs.dicomweb.files import files_of
from radgate_server.adapters.pacs.dicomweb.handover import Put, handed_over
from radgate_server.adapters.pacs.dicomweb.wado import MISSING, Wado
from radgate_server.adapters.pacs.http import HttpStream, PacsHttp
from radgate_server.adapters.pacs.http.failures import status_failure
from radgate_server.core.dicom.identifiers import InstanceRef, QueryLevel, RetrieveScope
from radgate_server.core.dicom.instances import (
    Arrival,
    FailedInstance,
    InstanceContent,
    ListedInstance,
    ReceivedInstance,
)
from radgate_server.core.errors import (
    GatewayError,
    InstanceMalformedError,
    InstanceMismatchError,
    InstanceNotSentError,
    InstanceTooLargeError,
    PacsAbortedError,
    PacsFailedError,
)

_PARALLEL = 4
_OF_ONE_INSTANCE = (PacsFailedError, InstanceNotSentError, InstanceTooLargeError, InstanceMalformedError)
"""What ends the retrieve of one instance and says nothing of the next one."""
_OF_ONE_OF_SEVERAL = (*_OF_ONE_INSTANCE, PacsAbortedError)
"""A server that can't read one file may break off there. Of the only instance, that is for the caller to repeat."""

type _Errors = tuple[type[GatewayError], ...]


class DicomWebReader:
    """PacsReader over WADO. Files stay as they come; which instance one is, the file itself states."""

    def __init__(self, http: PacsHttp, wado_uri_url: str, *, max_instance_bytes: int) -> None:
        self._pacs = http.pacs
        self._wado = Wado(http, wado_uri_url)
        self._max_instance_bytes = max_instance_bytes
        self._gives_whole_scopes = True

    def retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AbstractAsyncContextManager[AsyncIterator[Arrival]]:
        """Fetch study or series in one answer where the server does that, else what is listed, a few at a time."""
        return handed_over(partial(self._fetch, scope, listed))

    async def _fetch(self, scope: RetrieveScope, listed: Sequence[ListedInstance], put: Put) -> None:
        refs = [item.ref for item in listed] or list(_named_instance(scope))
        if len(refs) == 1 or (refs and not self._gives_whole_scopes):
            await self._fetch_each(refs, put)
            return
        came: set[InstanceRef | None] = set()
        status = await self._fetch_whole(scope, put, came)
        if status not in MISSING:
            if None in came:  # which instance that was to be shows when the missing ones are asked for one by one
                await self._fetch_each([ref for ref in refs if ref not in came], put)
            return
        if not refs:
            raise status_failure(self._pacs, status)
        if await self._fetch_each(refs, put):
            self._gives_whole_scopes = False

    async def _fetch_whole(self, scope: RetrieveScope, put: Put, came: set[InstanceRef | None]) -> int:
        """Put all of the scope, unless the status that is returned says that the server does not have that.

        `came` gets the instances that came, and None for those of which nobody knows which they are.
        """
        async with self._wado.open_scope(scope) as stream:
            if stream.status not in MISSING:
                async with aclosing(files_of(stream, max_bytes=self._max_instance_bytes)) as files:
                    async for file in files:
                        if isinstance(file, ReceivedInstance):
                            came.add(file.ref)
                            await put(file)
                        else:
                            came.add(None)
            return stream.status

    async def _fetch_each(self, refs: Sequence[InstanceRef], put: Put) -> int:
        """Put each instance, and return how many of them came."""
        waiting = iter(refs)
        apart = _OF_ONE_INSTANCE if len(refs) == 1 else _OF_ONE_OF_SEVERAL
        workers = [asyncio.create_task(self._work_off(waiting, put, apart)) for _ in range(min(_PARALLEL, len(refs)))]
        try:
            return sum(await asyncio.gather(*workers))
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _work_off(self, waiting: Iterator[InstanceRef], put: Put, apart: _Errors) -> int:
        came = 0
        for ref in waiting:
            arrival = await self._fetch_one(ref, apart)
            came += isinstance(arrival, ReceivedInstance)
            await put(arrival)
        return came

    async def _fetch_one(self, ref: InstanceRef, apart: _Errors) -> Arrival:
        """Fetch an instance; errors of the kinds `apart` do not end the others."""
        try:
            received = await self._wado.first_answer(ref, self._read_one)
        except apart as error:
            return FailedInstance(ref, error)
        if not isinstance(received, ReceivedInstance):
            return FailedInstance(ref, self._no_dicom(), received)
        return received if received.ref == ref else FailedInstance(ref, self._another(), received.content)

    async def _read_one(self, stream: HttpStream) -> ReceivedInstance | InstanceContent:
        async with aclosing(files_of(stream, max_bytes=self._max_instance_bytes)) as files:
            async for file in files:
                return file
        raise InstanceNotSentError("the PACS lists the instance but did not send it", pacs=self._pacs)

    def _no_dicom(self) -> GatewayError:
        return InstanceMalformedError("the PACS sent an instance that is no DICOM file", pacs=self._pacs)

    def _another(self) -> GatewayError:
        return InstanceMismatchError("the PACS sent another instance than the one it was asked for", pacs=self._pacs)


def _named_instance(scope: RetrieveScope) -> Iterator[InstanceRef]:
    if scope.level is QueryLevel.IMAGE and scope.series_instance_uid and scope.sop_instance_uid:
        yield InstanceRef(scope.study_instance_uid, scope.series_instance_uid, scope.sop_instance_uid)
