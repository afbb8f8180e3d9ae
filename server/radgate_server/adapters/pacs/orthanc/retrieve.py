"""The PacsReader role: instance files, a few at the same time, in the order of the listing."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from radgate_server.adapters.pacs.http import PacsHttp
from radgate_server.adapters.pacs.http.identified import identified
from radgate_server.adapters.pacs.http.received import receive_content
from radgate_server.adapters.pacs.orthanc.find import OrthancQuery
from radgate_server.adapters.pacs.orthanc.known_studies import KnownStudies
from radgate_server.adapters.pacs.orthanc.labels import LabelledStudies
from radgate_server.adapters.pacs.orthanc.resource_ids import resource_id
from radgate_server.adapters.pacs.orthanc.rest import OrthancRest, readable
from radgate_server.core.dicom.data_sets import DicomJson
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
    PacsError,
    PacsFailedError,
)
from radgate_server.core.query.model import MatchingKey, Query

_STUDY, _SERIES, _INSTANCE, _SOP_CLASS = "0020000D", "0020000E", "00080018", "00080016"
_AT_ONCE = 4
_MAX_LISTED = 100_000


@dataclass(frozen=True, slots=True)
class _Patients:
    """Under which Patient IDs a study is held and seen; from those of `reporting`, Orthanc's ids can be computed."""

    all: frozenset[str]
    reporting: tuple[str, ...]


class OrthancReader:
    """PacsReader over instance files. Archives (ZIP) take Orthanc many times as long: it deflates them."""

    def __init__(
        self,
        rest: OrthancRest,
        query: OrthancQuery,
        known: KnownStudies,
        labelled: LabelledStudies,
        *,
        at_once: int,
        max_instance_bytes: int,
    ) -> None:
        self._rest = rest
        self._query = query
        self._known = known
        self._labelled = labelled
        self._at_once = min(at_once, _AT_ONCE)
        self._max_instance_bytes = max_instance_bytes

    def retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AbstractAsyncContextManager[AsyncIterator[Arrival]]:
        """Fetch what is listed; what `scope` holds when nothing is."""
        return self._retrieve(scope, listed)

    @asynccontextmanager
    async def _retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AsyncIterator[AsyncIterator[Arrival]]:
        wanted = listed or await self._list(scope)
        patients = await self._patients(scope.study_instance_uid)
        async with aclosing(self._arrivals(wanted, patients)) as arrivals:
            yield arrivals

    async def _arrivals(self, wanted: Sequence[ListedInstance], patients: _Patients) -> AsyncGenerator[Arrival]:
        waiting = iter(wanted)
        running: deque[asyncio.Task[Arrival]] = deque()
        at_once = 1  # more would only delay the first one, for which somebody waits
        try:
            while True:
                for item in islice(waiting, at_once - len(running)):
                    running.append(asyncio.create_task(self._arrival(item, patients)))
                if not running:
                    return
                arrival = await running[0]
                running.popleft()
                at_once = min(at_once + 1, self._at_once)
                yield arrival
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _arrival(self, item: ListedInstance, patients: _Patients) -> Arrival:
        """Fetch one; what concerns it alone does not end the others."""
        try:
            content = await self._content(item.ref, patients)
            if content is None:
                error = InstanceNotSentError("the PACS does not have the instance any more", pacs=self._rest.pacs)
                return FailedInstance(item.ref, error)
        except PacsFailedError as error:
            return FailedInstance(item.ref, error)
        except PacsError:
            raise
        except GatewayError as error:
            return FailedInstance(item.ref, error)
        try:
            return _as_listed(self._rest.pacs, item, content)
        except (InstanceMismatchError, InstanceMalformedError) as error:
            return FailedInstance(item.ref, error, content)

    async def _content(self, ref: InstanceRef, patients: _Patients) -> InstanceContent | None:
        """The file, from the first patient under whom it is held; None when there is none."""
        uids = (ref.study_instance_uid, ref.series_instance_uid, ref.sop_instance_uid)
        for patient_id in patients.reporting:
            content = await self._fetch(resource_id(patient_id, *uids))
            if content is not None:
                return content
        for other in await self._look_up(ref, patients):
            content = await self._fetch(other)
            if content is not None:
                return content
        return None

    async def _fetch(self, instance_id: str) -> InstanceContent | None:
        return await _fetch_file(self._rest.http, instance_id, max_bytes=self._max_instance_bytes)

    async def _patients(self, study_instance_uid: str) -> _Patients:
        labels = await self._labelled.constraint()
        studies = await self._find("Study", {"StudyInstanceUID": study_instance_uid}, **labels)
        for study_id, _ in studies:
            self._known.add(study_id, study_instance_uid)
        return _Patients(
            frozenset(patient for _, patient in studies),
            tuple(patient for study_id, patient in studies if resource_id(patient, study_instance_uid) == study_id),
        )

    async def _look_up(self, ref: InstanceRef, patients: _Patients) -> list[str]:
        """Ask for the ids, when they are not what they should be."""
        query = {
            "StudyInstanceUID": ref.study_instance_uid,
            "SeriesInstanceUID": ref.series_instance_uid,
            "SOPInstanceUID": ref.sop_instance_uid,
        }
        found = await self._find("Instance", query) if patients.all else ()
        return [instance_id for instance_id, patient in found if patient in patients.all]

    async def _find(self, level: str, query: Mapping[str, str], **labels: Any) -> list[tuple[str, str]]:
        """Orthanc's ids of what is found, and Patient IDs."""
        body = {
            "Level": level,
            "Query": query,
            "Expand": True,
            "ResponseContent": ["RequestedTags"],
            "RequestedTags": ["PatientID"],
            **labels,
        }
        answer = await self._rest.ask("/tools/find", body)
        with readable(self._rest.pacs):
            return [(str(found["ID"]), str(found["RequestedTags"].get("PatientID") or "")) for found in answer]

    async def _list(self, scope: RetrieveScope) -> list[ListedInstance]:
        result = await self._query.find(_listing(scope), max_results=_MAX_LISTED)
        return [
            ListedInstance(
                InstanceRef(_uid(match, _STUDY), _uid(match, _SERIES), _uid(match, _INSTANCE)), _uid(match, _SOP_CLASS)
            )
            for match in result.matches
        ]


def _listing(scope: RetrieveScope) -> Query:
    uids = (
        (_INSTANCE, scope.sop_instance_uid),
        (_STUDY, scope.study_instance_uid),
        (_SERIES, scope.series_instance_uid),
    )
    keys = tuple(MatchingKey((tag,), uid) for tag, uid in uids if uid)
    return Query(QueryLevel.IMAGE, keys, include=((_SOP_CLASS,),), only_included=True)


def _uid(match: DicomJson, tag: str) -> str:
    return str((match.get(tag, {}).get("Value") or [""])[0])


async def _fetch_file(http: PacsHttp, resource_id: str, *, max_bytes: int) -> InstanceContent | None:
    """Fetch the file, None when Orthanc has no such instance.

    Raises:
        PacsError: no answer, a failure status, a connection that broke.
        InstanceTooLargeError, SpoolFullError: there is no room for it.
    """
    async with http.open(f"/instances/{resource_id}/file") as stream:
        if stream.status != 200:
            return None
        return await receive_content(stream.pieces(), max_bytes=max_bytes)


def _as_listed(pacs: str, listed: ListedInstance, content: InstanceContent) -> ReceivedInstance:
    """The file as the instance that was asked for.

    Raises:
        InstanceMismatchError: it is another one.
        InstanceMalformedError: it is none.
    """
    instance = identified(pacs, content)
    if instance.ref != listed.ref:
        raise InstanceMismatchError("the PACS sent another instance than the one it was asked for", pacs=pacs)
    return instance
