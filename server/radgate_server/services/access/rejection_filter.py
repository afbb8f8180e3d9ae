"""Leaving rejected instances out of listings and of searches."""

from collections.abc import Sequence
from dataclasses import replace

from radgate_server.core.access.rejection_notes import Rejected
from radgate_server.core.dicom.data_sets import DicomJson, first_value
from radgate_server.core.dicom.identifiers import QueryLevel, RetrieveScope
from radgate_server.core.errors import GatewayError
from radgate_server.core.query.model import Query
from radgate_server.core.query.return_attributes import UNIQUE_KEYS
from radgate_server.services.access.rejections import NOTES_UNREAD, Rejections, rejected_error
from radgate_server.services.query.merging import SourcedMatch
from radgate_server.services.query.search import VisibleMatches
from radgate_server.services.retrieve.listing import LEVEL_NAMES, Listing, StudyLister

_STUDY, _SERIES, _INSTANCE = (UNIQUE_KEYS[level] for level in (QueryLevel.STUDY, QueryLevel.SERIES, QueryLevel.IMAGE))
_INSTANCES_OF_SERIES = "00201209"  # Number of Series Related Instances


class RejectedMatchFilter:
    """Applies what rejection notes say, where the tenant wants it."""

    def __init__(self, rejections: Rejections, lister: StudyLister) -> None:
        self._rejections = rejections
        self._lister = lister

    def concerns(self, tenant_id: str, query: Query) -> bool:
        """Whether matches of the query may have to be left out. Those of studies stay (ADR 50)."""
        return query.level is not QueryLevel.STUDY and self._rejections.hides(tenant_id)

    async def listing(self, tenant_id: str, scope: RetrieveScope, listing: Listing) -> Listing:
        """The listing without rejected instances.

        Raises:
            ObjectRejectedError: nothing is left of it.
        """
        if not self._rejections.hides(tenant_id):
            return listing
        rejected = await self._rejections.of_study(tenant_id, scope.study_instance_uid)
        left = listing.without(rejected.sop_instance_uids)
        if left is None:
            raise rejected_error(LEVEL_NAMES[scope.level])
        return left

    async def matches(self, tenant_id: str, query: Query, matches: Sequence[SourcedMatch]) -> VisibleMatches:
        """The matches of series or instances without those that are rejected."""
        studies = dict.fromkeys(first_value(match.attributes, _STUDY) for match in matches)
        rejected = await self._rejections.of_studies(tenant_id, filter(None, studies))
        warning = NOTES_UNREAD if any(one.unread for one in rejected.values()) else ""
        concerned = {study: found for study, found in rejected.items() if found.sop_instance_uids}
        if not concerned:
            return VisibleMatches(tuple(matches), warning)
        if query.level is QueryLevel.IMAGE:
            return VisibleMatches(tuple(one for one in matches if not _is_hidden(one.attributes, concerned)), warning)
        counts = {study: await self._counts(tenant_id, study, found) for study, found in concerned.items()}
        series = (_with_count(match, counts.get(first_value(match.attributes, _STUDY), {})) for match in matches)
        return VisibleMatches(tuple(one for one in series if one is not None), warning)

    async def _counts(self, tenant_id: str, study: str, rejected: Rejected) -> dict[str, int]:
        """How many instances are left of each of the study's series; none when the PACS can't list them."""
        try:
            listed = (await self._lister.list(tenant_id, RetrieveScope(study))).listed
        except GatewayError:
            return {}
        counts = dict.fromkeys((entry.ref.series_instance_uid for entry in listed), 0)
        for entry in listed:
            counts[entry.ref.series_instance_uid] += entry.ref.sop_instance_uid not in rejected.sop_instance_uids
        return counts


def _is_hidden(attributes: DicomJson, rejected: dict[str, Rejected]) -> bool:
    of_study = rejected.get(first_value(attributes, _STUDY))
    return of_study is not None and first_value(attributes, _INSTANCE) in of_study.sop_instance_uids


def _with_count(match: SourcedMatch, counts: dict[str, int]) -> SourcedMatch | None:
    """The series with the number of instances that are left, where it has one; None when none is left."""
    count = counts.get(first_value(match.attributes, _SERIES))
    if count == 0:
        return None
    if count is None or _INSTANCES_OF_SERIES not in match.attributes:
        return match
    return replace(match, attributes={**match.attributes, _INSTANCES_OF_SERIES: {"vr": "IS", "Value": [count]}})
