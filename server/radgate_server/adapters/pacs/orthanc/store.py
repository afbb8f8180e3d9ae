"""The PacsStore role: POST /instances, and the labels that show what was stored."""

from asyncio import Lock
from typing import Any
from weakref import WeakValueDictionary

from radgate_server.adapters.pacs.http.bodies import file_pieces
from radgate_server.adapters.pacs.orthanc.labels import LabelledStudies
from radgate_server.adapters.pacs.orthanc.rest import OrthancRest, readable
from radgate_server.core.dicom.instances import ReceivedInstance
from radgate_server.core.errors import PacsCannotError, PacsFailedError
from radgate_server.core.pacs.ports import StoreOutcome

_HELD = frozenset(("Success", "AlreadyStored"))
_FAILURES: dict[int, tuple[str, str]] = {
    # HTTP status: (status of PS3.4 B.2.3, what it means)
    400: ("C000", "it can't read the instance"),
    413: ("A700", "the instance is larger than it takes"),
    507: ("A700", "its storage is full"),
}
_NOT_AUTHORISED = "0124"
_READ_ONLY = 405


class OrthancStore:
    """PacsStore over Orthanc's REST API. Its OverwriteInstances says whether a second copy replaces the first one.

    A study that is new gets the labels by which it is seen. Nothing is added to a study that is not seen: with these
    labels, whoever stores one instance into it would see all of it.
    """

    def __init__(self, rest: OrthancRest, labelled: LabelledStudies) -> None:
        self._rest = rest
        self._labelled = labelled
        self._first: WeakValueDictionary[str, Lock] = WeakValueDictionary()

    async def store(self, instance: ReceivedInstance) -> StoreOutcome:
        """Upload the file as it is.

        Raises:
            PacsError: it was not stored, or not labelled; PacsFailedError has the status of PS3.4 B.2.3 that fits.
        """
        if self._labelled and await self._store_as_first(instance):
            return StoreOutcome()
        await self._upload(instance)
        return StoreOutcome()

    async def _store_as_first(self, instance: ReceivedInstance) -> bool:
        """Store it if its study is not there yet. Others of the study wait, lest they find it without its labels."""
        study_instance_uid = instance.ref.study_instance_uid
        lock = self._first.setdefault(study_instance_uid, Lock())
        async with lock:
            labels = await self._labelled.labels()
            carried = await self._labels_of(study_instance_uid)
            if not all(map(labels.admit, carried)):
                raise self._failure(_NOT_AUTHORISED, "the study is there, with labels that keep it from being seen")
            if not carried:
                study_id = await self._upload(instance)
                for label in labels.of_new_studies:
                    await self._rest.put(f"/studies/{study_id}/labels/{label}")
            return not carried

    async def _labels_of(self, study_instance_uid: str) -> list[list[str]]:
        """The labels of each study of this UID."""
        body = {
            "Level": "Study",
            "Query": {"StudyInstanceUID": study_instance_uid},
            "Expand": True,
            "ResponseContent": ["Labels"],
        }
        answer = await self._rest.ask("/tools/find", body)
        with readable(self._rest.pacs):
            return [list(map(str, study["Labels"])) for study in answer]

    async def _upload(self, instance: ReceivedInstance) -> str:
        """Upload the file, and return Orthanc's id of its study."""
        content = instance.content
        headers = {"content-type": "application/dicom", "content-length": str(content.size_bytes)}
        answer = await self._rest.http.ask(
            "POST", "/instances", headers=headers, body=lambda: file_pieces(content), judged=(*_FAILURES, _READ_ONLY)
        )
        if answer.status == _READ_ONLY:
            raise PacsCannotError("the PACS is set to read-only and stores nothing", pacs=self._rest.pacs)
        if answer.status in _FAILURES:
            raise self._failure(*_FAILURES[answer.status])
        return self._study_id(answer.json())

    def _study_id(self, report: Any) -> str:
        with readable(self._rest.pacs):
            if report["Status"] in _HELD:
                return str(report["ParentStudy"])
        raise self._failure(_NOT_AUTHORISED, "a filter of its own keeps it out")

    def _failure(self, status: str, meaning: str) -> PacsFailedError:
        text = f"the PACS refused to store the instance (status 0x{status}): {meaning}"
        return PacsFailedError(text, pacs=self._rest.pacs, status=status)
