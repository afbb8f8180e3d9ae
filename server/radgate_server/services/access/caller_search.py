"""Searching on behalf of a caller, who may be restricted to some studies. Servicers search through this alone."""

from collections.abc import Sequence
from dataclasses import replace

from radgate_server.core.access.restricted_query import discreet, narrowed, study_named, without_counts
from radgate_server.core.access.restriction import StudyRestriction
from radgate_server.core.access.tenancy import Caller
from radgate_server.core.dicom.data_sets import first_value
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.query.model import Query
from radgate_server.core.query.return_attributes import UNIQUE_KEYS
from radgate_server.services.access.restrictions import Restrictions
from radgate_server.services.query.merging import SourcedMatch
from radgate_server.services.query.search import RESULTS_WITHHELD, Page, QueryPage, QueryService

_NOTHING = QueryPage((), has_more=False, warnings=())
_STUDY_INSTANCE_UID = UNIQUE_KEYS[QueryLevel.STUDY]


class CallerSearch:
    """What is remembered is what the PACS answered; a restriction is applied on the way out, before pages are cut.

    Below the level of studies a search of a study outside is answered like one of a study that is not there, without
    asking a PACS for what is in it.
    """

    def __init__(self, query: QueryService, restrictions: Restrictions) -> None:
        self._query = query
        self._restrictions = restrictions

    async def search(self, caller: Caller, query: Query, page: Page) -> QueryPage:
        """Return one page of the matches that the caller may see.

        Raises:
            NoPacsConfiguredError: there is nobody to ask.
            PacsError: nobody answered, or it can't be determined which studies lie within the restriction.
        """
        tenant_id, restriction = caller.tenant_id, caller.principal.restriction
        if restriction is None:
            return await self._query.search(tenant_id, query, page)
        query = discreet(query)
        study = study_named(query)
        if query.level is not QueryLevel.STUDY and study:
            if not await self._restrictions.admits(tenant_id, restriction, study):
                return _NOTHING
            return _without_others(await self._query.search(tenant_id, query, page))

        async def keep(matches: Sequence[SourcedMatch]) -> tuple[SourcedMatch, ...]:
            return await self._within(tenant_id, restriction, query.level, matches)

        asked = narrowed(query, self._restrictions.resolved(restriction))
        return _without_others(await self._query.search(tenant_id, asked, page, keep))

    async def _within(
        self, tenant_id: str, restriction: StudyRestriction, level: QueryLevel, matches: Sequence[SourcedMatch]
    ) -> tuple[SourcedMatch, ...]:
        attributes_of_matches = (match.attributes for match in matches)
        admitted = await self._restrictions.admitted(tenant_id, restriction, level, attributes_of_matches)
        return tuple(match for match in matches if first_value(match.attributes, _STUDY_INSTANCE_UID) in admitted)


def _without_others(page: QueryPage) -> QueryPage:
    """The page without what would disclose other studies: their counts, and that a PACS returned them unasked."""
    matches = tuple(replace(match, attributes=without_counts(match.attributes)) for match in page.matches)
    warnings = tuple(warning for warning in page.warnings if warning.reason != RESULTS_WITHHELD)
    return replace(page, matches=matches, warnings=warnings)
