"""Which PACS hold a study, and which instances they list there."""

from collections.abc import Awaitable, Callable, Sequence, Set
from dataclasses import dataclass, replace

from radgate_server.core.dicom.data_sets import DicomJson, first_value
from radgate_server.core.dicom.identifiers import InstanceRef, QueryLevel, RetrieveScope
from radgate_server.core.dicom.instances import ListedInstance
from radgate_server.core.errors import ObjectNotFoundError, PacsError, PacsFailedError
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.query.model import FindResult, MatchingKey, Query
from radgate_server.lib.answer_cache import AnswerCache
from radgate_server.lib.clock import Clock
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.query.fan_out import AskLimits, PacsAnswer, ask_all

MAX_REMEMBERED_INSTANCES = 500_000
MAX_REMEMBERED_ROUTES = 100_000
SOP_CLASS_UID = "00080016"
PATIENT_ID = "00100020"
LEVEL_NAMES = {QueryLevel.STUDY: "study", QueryLevel.SERIES: "series", QueryLevel.IMAGE: "instance"}


@dataclass(frozen=True, slots=True)
class ListingPart:
    """The instances that are to be fetched from one PACS, at least one; `held` are all that it has of the scope.

    `member` is the PACS of a failover group that listed them, "" when there is no group.
    """

    client: PacsClient
    listed: tuple[ListedInstance, ...]
    held: tuple[ListedInstance, ...]
    member: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a retrieve may expect: each instance once, from the first PACS in precedence that lists it.

    `unanswered` names the PACS that did not answer, and might hold more of the scope.
    """

    parts: tuple[ListingPart, ...]
    unanswered: tuple[str, ...] = ()

    @property
    def listed(self) -> tuple[ListedInstance, ...]:
        """All instances, part by part."""
        return (
            self.parts[0].listed if len(self.parts) == 1 else tuple(one for part in self.parts for one in part.listed)
        )

    def within(self, scope: RetrieveScope) -> "Listing | None":
        """The part of it that lies in a narrower scope, None when that is empty."""
        cut = (replace(part, listed=_within(scope, part.listed), held=_within(scope, part.held)) for part in self.parts)
        parts = tuple(part for part in cut if part.listed)
        return Listing(parts, self.unanswered) if parts else None

    def without(self, sop_instance_uids: Set[str]) -> "Listing | None":
        """It without these instances, None when nothing is left. `held` stays: it is what the PACS would send."""
        if not sop_instance_uids:
            return self
        cut = (
            replace(part, listed=tuple(one for one in part.listed if one.ref.sop_instance_uid not in sop_instance_uids))
            for part in self.parts
        )
        parts = tuple(part for part in cut if part.listed)
        return Listing(parts, self.unanswered) if parts else None


type Hide = Callable[[str, RetrieveScope, Listing], Awaitable[Listing]]
"""(tenant, scope, its listing): the listing without what the tenant does not want to be shown."""


async def _hide_nothing(_tenant_id: str, _scope: RetrieveScope, listing: Listing) -> Listing:
    return listing


class StudyLister:
    """Asks the PACS of the tenant at IMAGE level: those that are known to hold the study, else all.

    A study may lie in several PACS, and in each another part of it. Which ones hold it is remembered once all have
    answered, for `route_ttl_s` seconds; the list itself for `ttl_s`.
    """

    def __init__(
        self, clients: PacsClients, limits: AskLimits, *, ttl_s: float, route_ttl_s: float, clock: Clock
    ) -> None:
        self._clients = clients
        self._limits = limits
        self._listings: AnswerCache[tuple[str, RetrieveScope], Listing] = AnswerCache(
            MAX_REMEMBERED_INSTANCES, ttl_s=ttl_s, clock=clock
        )
        self._routes: AnswerCache[tuple[str, str], frozenset[str]] = AnswerCache(
            MAX_REMEMBERED_ROUTES, ttl_s=route_ttl_s, clock=clock
        )
        self._hide: Hide = _hide_nothing

    def hide_by(self, hide: Hide) -> None:
        """Have `shown` leave out what `hide` does."""
        self._hide = hide

    async def shown(self, tenant_id: str, scope: RetrieveScope) -> Listing:
        """List those of the scope's instances that may be shown.

        Raises:
            ObjectRejectedError: none may.
            ObjectNotFoundError, PacsError: as `list`.
        """
        return await self._hide(tenant_id, scope, await self.list(tenant_id, scope))

    async def list(self, tenant_id: str, scope: RetrieveScope) -> Listing:
        """List the scope's instances.

        Raises:
            ObjectNotFoundError: all PACS answered, and none has it.
            PacsError: none of those that answered has it, and one did not answer.
        """
        cached = self._cached(tenant_id, scope)
        if cached is not None:
            return cached
        return await self._listings.get_or_load(
            (tenant_id, scope), lambda: self._find(tenant_id, scope), lambda listing: len(listing.listed)
        )

    def invalidate(self, tenant_id: str, study_instance_uid: str | None = None) -> None:
        """Ask the tenant's PACS again from now on, for one study or for all."""

        def concerned(tenant: str, study: str) -> bool:
            return tenant == tenant_id and study_instance_uid in (None, study)

        self._listings.invalidate(lambda key: concerned(key[0], key[1].study_instance_uid))
        self._routes.invalidate(lambda key: concerned(*key))

    def _cached(self, tenant_id: str, scope: RetrieveScope) -> Listing | None:
        exact = self._listings.get((tenant_id, scope))
        if exact is not None:
            return exact
        for wider in wider_scopes(scope):
            listing = self._listings.get((tenant_id, wider))
            if listing is not None:
                return listing.within(scope)
        return None

    async def _find(self, tenant_id: str, scope: RetrieveScope) -> Listing:
        clients = await self._clients.of_tenant(tenant_id)
        return await self._ask_holders(tenant_id, scope, clients) or await self._ask(tenant_id, scope, clients)

    async def _ask_holders(self, tenant_id: str, scope: RetrieveScope, clients: Sequence[PacsClient]) -> Listing | None:
        """Ask only who is known to hold the study; None when that is not known, or is no longer so."""
        route = self._routes.get((tenant_id, scope.study_instance_uid))
        holders = [client for client in clients if client.name in route] if route else []
        if not holders or len(holders) == len(clients):
            return None
        try:
            answers = await ask_all(holders, listing_query(scope), self._limits)
        except PacsError:
            return None
        listing = _listing(answers, self._holders(answers, scope))
        return listing if listing and not listing.unanswered else None

    async def _ask(self, tenant_id: str, scope: RetrieveScope, clients: Sequence[PacsClient]) -> Listing:
        with self._routes.loading() as load:
            answers = await ask_all(clients, listing_query(scope), self._limits)
            holders = self._holders(answers, scope)
            listing = _listing(answers, holders)
            if listing is not None and scope.level is QueryLevel.STUDY and not listing.unanswered:
                load.put((tenant_id, scope.study_instance_uid), frozenset(holder.client.name for holder in holders))
        if listing is not None:
            return listing
        for answer in answers:
            if isinstance(answer.result, PacsError):
                raise answer.result
        kind = LEVEL_NAMES[scope.level]
        raise ObjectNotFoundError(f"no PACS of the tenant has this {kind}", kind=kind)

    def _holders(self, answers: Sequence[PacsAnswer], scope: RetrieveScope) -> Sequence[ListingPart]:
        """What each PACS lists of the scope, for those that list anything."""
        held = [
            (answer.client, self._instances(answer, answer.result, scope), answer.result.member)
            for answer in answers
            if isinstance(answer.result, FindResult)
        ]
        return [ListingPart(client, instances, instances, member) for client, instances, member in held if instances]

    def _instances(self, answer: PacsAnswer, result: FindResult, scope: RetrieveScope) -> tuple[ListedInstance, ...]:
        pacs = answer.client.name
        if result.truncated:
            raise PacsFailedError(_cut_text(len(result.matches), self._limits.max_results), pacs=pacs)
        entries = [listed_instance(match, scope) for match in result.matches]
        if answer.malformed or None in entries:
            text = "the PACS lists instances without proper UIDs, so it can't be determined what is whole"
            raise PacsFailedError(text, pacs=pacs)
        return tuple({entry.ref: entry for entry in entries if entry and scope.contains(entry.ref)}.values())


def _cut_text(count: int, max_instances: int) -> str:
    if count >= max_instances:
        return f"the PACS lists more than {max_instances} instances; retrieve series by series"
    return f"the PACS cut its list off after {count} instances, so it can't be determined what is whole; try again"


def _listing(answers: Sequence[PacsAnswer], holders: Sequence[ListingPart]) -> Listing | None:
    """Each instance once, from the first that holds it; None when nobody does."""
    parts: list[ListingPart] = []
    seen: set[str] = set()
    for holder in holders:
        listed = tuple(entry for entry in holder.listed if entry.ref.sop_instance_uid not in seen)
        seen.update(entry.ref.sop_instance_uid for entry in listed)
        if listed:
            parts.append(replace(holder, listed=listed))
    unanswered = tuple(answer.client.name for answer in answers if isinstance(answer.result, PacsError))
    return Listing(tuple(parts), unanswered) if parts else None


def _within(scope: RetrieveScope, entries: Sequence[ListedInstance]) -> tuple[ListedInstance, ...]:
    return tuple(entry for entry in entries if scope.contains(entry.ref))


def wider_scopes(scope: RetrieveScope) -> Sequence[RetrieveScope]:
    """The scopes that hold `scope`, the narrowest first."""
    wider = []
    if scope.sop_instance_uid is not None:
        wider.append(RetrieveScope(scope.study_instance_uid, scope.series_instance_uid))
    if scope.series_instance_uid is not None:
        wider.append(RetrieveScope(scope.study_instance_uid))
    return wider


def listing_query(scope: RetrieveScope) -> Query:
    """The IMAGE level query that lists a scope."""
    keys = (
        ("00080018", scope.sop_instance_uid),
        ("0020000D", scope.study_instance_uid),
        ("0020000E", scope.series_instance_uid),
    )
    matching = tuple(MatchingKey((tag,), value) for tag, value in keys if value)
    include = ((SOP_CLASS_UID,), (PATIENT_ID,))
    return Query(QueryLevel.IMAGE, matching, include=include, only_included=True, listing=True)


def listed_instance(match: DicomJson, scope: RetrieveScope) -> ListedInstance | None:
    """A match as a listed instance; None when the PACS left out a UID that nothing else reports."""
    ref = InstanceRef(
        first_value(match, "0020000D") or scope.study_instance_uid,
        first_value(match, "0020000E") or scope.series_instance_uid or "",
        first_value(match, "00080018"),
    )
    if not (ref.series_instance_uid and ref.sop_instance_uid):
        return None
    return ListedInstance(ref, first_value(match, SOP_CLASS_UID), first_value(match, PATIENT_ID))
