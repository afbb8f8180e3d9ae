"""Series and instances in the order of their numbers, as the PACS list them, without fetching any."""

from collections.abc import Sequence

from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.dicom.identifiers import QueryLevel, RetrieveScope
from radgate_server.core.query.model import MatchingKey, Query
from radgate_server.services.query.search import Page, QueryService

_STUDY_INSTANCE_UID, _SERIES_INSTANCE_UID = "0020000D", "0020000E"
_NUMBERS = {QueryLevel.SERIES: "00200011", QueryLevel.IMAGE: "00200013"}
"""Series Number and Instance Number, by which searches sort what they find."""
_EVERYTHING = Page(0, 1 << 30)


class OrderedContents:
    """Queries them. Answers are remembered as those of every query are."""

    def __init__(self, query: QueryService) -> None:
        self._query = query

    async def search(
        self, tenant_id: str, level: QueryLevel, scope: RetrieveScope, include: Sequence[str] = ()
    ) -> list[DicomJson]:
        """What the scope's study or series holds at the level, with the attributes of the tags in `include`.

        Raises:
            PacsError: it can't be determined, because a PACS failed.
        """
        parents = ((_STUDY_INSTANCE_UID, scope.study_instance_uid), (_SERIES_INSTANCE_UID, scope.series_instance_uid))
        query = Query(
            level,
            tuple(MatchingKey((tag,), uid) for tag, uid in parents if uid),
            include=tuple((tag,) for tag in (*include, _NUMBERS[level])),
            only_included=True,
        )
        page = await self._query.search(tenant_id, query, _EVERYTHING)
        return [match.attributes for match in page.matches]
