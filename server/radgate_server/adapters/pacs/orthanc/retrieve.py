"""The PacsReader role: instance files, a few at the same time, in the order of the listing."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from itertools import islice

from radgate_server.adapters.pacs.orthanc.fetching import as_listed, fetch_file
from radgate_server.adapters.pacs.orthanc.find import OrthancQuery
from radgate_server.adapters.pacs.orthanc.known_studies import KnownStudies
from radgate_server.adapters.pacs.orthanc.resource_ids import resource_id
from radgate_server.adapters.pacs.orthanc.rest import OrthancRest, readable
from radgate_server.core.errors import GatewayError, InstanceNotSentError, PacsError, PacsFailedError
from radgate_server.core.identifiers import InstanceRef, QueryLevel, RetrieveScope
from radgate_server.core.instances import Arrival, FailedInstance, InstanceContent, ListedInstance
from radgate_server.core.query import DicomJson, MatchingKey, Query

_STUDY, _SERIES, _INSTANCE, _SOP_CLASS = "0020000D", "0020000E", "00080018", "00080016"
_AT_ONCE = 4
_MAX_LISTED = 100_000


class OrthancReader:
    """PacsReader over instance files. Archives (ZIP) take Orthanc many times as long: it deflates them."""

    def __init__(
        self, rest: OrthancRest, query: OrthancQuery, known: KnownStudies, *, at_once: int, max_instance_bytes: int
    ) -> None:
        self._rest = rest
        self._query = query
        self._known = known
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
        patient_ids = await self._patient_ids(scope.study_instance_uid)
        async with aclosing(self._arrivals(wanted, patient_ids)) as arrivals:
            yield arrivals

    async def _arrivals(self, wanted: Sequence[ListedInstance], patient_ids: Sequence[str]) -> AsyncGenerator[Arrival]:
        waiting = iter(wanted)
        running: deque[asyncio.Task[Arrival]] = deque()
        at_once = 1  # more would only delay the first one, for which somebody waits
        try:
            while True:
                for item in islice(waiting, at_once - len(running)):
                    running.append(asyncio.create_task(self._arrival(item, patient_ids)))
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

    async def _arrival(self, item: ListedInstance, patient_ids: Sequence[str]) -> Arrival:
        """Fetch one; what concerns it alone does not end the others."""
        try:
            content = await self._content(item.ref, patient_ids)
            if content is None:
                error = InstanceNotSentError("the PACS does not have the instance any more", pacs=self._rest.pacs)
                return FailedInstance(item.ref, error)
            return as_listed(self._rest.pacs, item, content)
        except PacsFailedError as error:
            return FailedInstance(item.ref, error)
        except PacsError:
            raise
        except GatewayError as error:
            return FailedInstance(item.ref, error)

    async def _content(self, ref: InstanceRef, patient_ids: Sequence[str]) -> InstanceContent | None:
        """The file, from the first patient under whom it is held; None when there is none."""
        uids = (ref.study_instance_uid, ref.series_instance_uid, ref.sop_instance_uid)
        for patient_id in patient_ids:
            content = await self._fetch(resource_id(patient_id, *uids))
            if content is not None:
                return content
        for other in await self._look_up(ref):
            content = await self._fetch(other)
            if content is not None:
                return content
        return None

    async def _fetch(self, instance_id: str) -> InstanceContent | None:
        return await fetch_file(self._rest.http, instance_id, max_bytes=self._max_instance_bytes)

    async def _patient_ids(self, study_instance_uid: str) -> list[str]:
        """Under which patients the study is held, as far as that gives Orthanc's id of it."""
        body = {
            "Level": "Study",
            "Query": {"StudyInstanceUID": study_instance_uid},
            "Expand": True,
            "ResponseContent": ["RequestedTags"],
            "RequestedTags": ["PatientID"],
        }
        answer = await self._rest.ask("/tools/find", body)
        with readable(self._rest.pacs):
            studies = [(str(study["ID"]), str(study["RequestedTags"].get("PatientID") or "")) for study in answer]
        for study_id, _ in studies:
            self._known.add(study_id, study_instance_uid)
        return [patient for study_id, patient in studies if resource_id(patient, study_instance_uid) == study_id]

    async def _look_up(self, ref: InstanceRef) -> list[str]:
        """Ask for the ids, when they are not what they should be."""
        query = {
            "StudyInstanceUID": ref.study_instance_uid,
            "SeriesInstanceUID": ref.series_instance_uid,
            "SOPInstanceUID": ref.sop_instance_uid,
        }
        answer = await self._rest.ask("/tools/find", {"Level": "Instance", "Query": query})
        with readable(self._rest.pacs):
            return [str(instance_id) for instance_id in answer]

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
