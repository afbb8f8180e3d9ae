"""Entity tags of studies' metadata (RFC 9110 8.8.3): what shows that a file was overwritten under the same UIDs.

dcm4chee-arc and Microsoft's DICOM service send them; Orthanc's plug-in does not. PS3.18 asks nobody to.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from radgate_server.adapters.pacs.dicomweb.answers import ACCEPT_JSON, ask_page, matches_of
from radgate_server.adapters.pacs.http import PacsHttp
from radgate_server.core.dicom.data_sets import first_value
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.errors import PacsCredentialsError, PacsFailedError
from radgate_server.core.query.return_attributes import UNIQUE_KEYS

ASK_AGAIN_S = 24 * 3600.0
"""A server that sends no tags is asked once in this time whether it does now."""
_MAX_STUDIES = 10_000
_NOT_MODIFIED = 304
_JUDGED = frozenset({_NOT_MODIFIED, 400, 404, 405, 406, 410, 415, 500, 501})
_METHODS = ("HEAD", "GET")
_BELOW_STUDY = (QueryLevel.SERIES, QueryLevel.IMAGE)


class EntityTags:
    """Asks for the entity tag of a study's metadata, of a server that sends tags; others are tried once a day.

    Whether it does is tried with the metadata of one instance: of a whole study most servers would read all files. A
    tag that differs when it is asked for twice is no tag.
    """

    def __init__(self, http: PacsHttp, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._http = http
        self._monotonic_s = monotonic_s
        self._trying = asyncio.Lock()
        self._method = ""  # by which tags are asked for
        self._not_before_s = float("-inf")
        self._last: OrderedDict[str, str] = OrderedDict()

    async def of_study(self, study_instance_uid: str) -> str:
        """The tag, "" when the server sends none.

        Raises:
            PacsError: the server did not answer.
        """
        async with self._trying:
            if not self._method and self._monotonic_s() >= self._not_before_s:
                self._method = await self._try_methods(study_instance_uid)
                self._not_before_s = self._monotonic_s() + ASK_AGAIN_S
        if not self._method:
            return ""
        known = self._last.pop(study_instance_uid, "")
        tag = await self._tag(self._method, f"/studies/{study_instance_uid}/metadata", known)
        if tag == "":
            self._method = ""  # it does for instances alone
        if tag:
            self._remember(study_instance_uid, tag)
        return tag or ""

    async def _try_methods(self, study_instance_uid: str) -> str:
        """The method that the server answers with a lasting tag, "" for none."""
        try:
            path = await self._path_of_one_instance(study_instance_uid)
            for method in _METHODS if path else ():
                tag = await self._tag(method, path, "")
                if tag and await self._tag(method, path, tag) == tag:
                    return method
        except (PacsFailedError, PacsCredentialsError):
            return ""
        return ""

    async def _path_of_one_instance(self, study_instance_uid: str) -> str:
        answer = await ask_page(self._http, f"/studies/{study_instance_uid}/instances?limit=1")
        matches = () if answer.status == 404 else await matches_of(answer)
        uids = [first_value(matches[0], UNIQUE_KEYS[level]) for level in _BELOW_STUDY] if matches else []
        if not all(uids) or not uids:
            return ""
        series, instance = uids
        return f"/studies/{study_instance_uid}/series/{series}/instances/{instance}/metadata"

    async def _tag(self, method: str, path: str, known: str) -> str | None:
        """The tag of what `path` names; None when there is no such answer. `known` is the last one."""
        headers = {**ACCEPT_JSON, "if-none-match": known} if known else ACCEPT_JSON
        if method == "HEAD":
            answer = await self._http.ask(method, path, headers=headers, repeatable=True, judged=_JUDGED)
            return _tag_in(answer.status, answer.headers, known)
        async with self._http.open(path, headers=headers, judged=_JUDGED) as stream:  # the body is left there
            return _tag_in(stream.status, stream.headers, known)

    def _remember(self, study_instance_uid: str, tag: str) -> None:
        self._last[study_instance_uid] = tag
        if len(self._last) > _MAX_STUDIES:
            self._last.popitem(last=False)


def _tag_in(status: int, headers: Mapping[str, str], known: str) -> str | None:
    if status == _NOT_MODIFIED:
        return known
    if not 200 <= status < 300 or "json" not in headers.get("content-type", ""):
        return None  # nothing of the kind, or a portal's page
    return headers.get("etag", "")
