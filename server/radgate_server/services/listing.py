"""Which PACS holds a study, and which instances it lists there."""

from collections.abc import Sequence
from dataclasses import dataclass

from radgate_server.core.errors import ObjectNotFoundError, PacsError, PacsFailedError
from radgate_server.core.identifiers import InstanceRef, QueryLevel, RetrieveScope
from radgate_server.core.instances import ListedInstance
from radgate_server.core.ports.clock import Clock
from radgate_server.core.ports.pacs import PacsClient
from radgate_server.core.query import DicomJson, FindResult, MatchingKey, Query
from radgate_server.services.expiring import ExpiringMap
from radgate_server.services.pacs_clients import PacsClients
from radgate_server.services.query import find_everywhere, first_value
from radgate_server.services.single_flight import SingleFlight

MAX_REMEMBERED_INSTANCES = 500_000
SOP_CLASS_UID = "00080016"
_LEVEL_NAMES = {QueryLevel.STUDY: "study", QueryLevel.SERIES: "series", QueryLevel.IMAGE: "instance"}


@dataclass(frozen=True, slots=True)
class Listing:
    """What a retrieve may expect: the PACS to fetch from, and its instances within the scope, at least one."""

    client: PacsClient
    listed: tuple[ListedInstance, ...]


class StudyLister:
    """Asks all PACS of the tenant at IMAGE level; the first in precedence that lists anything is the one."""

    def __init__(self, clients: PacsClients, *, max_instances: int, ttl_s: float, clock: Clock) -> None:
        self._clients = clients
        self._max_instances = max_instances
        self._flights: SingleFlight[tuple[str, RetrieveScope], Listing] = SingleFlight()
        self._listings: ExpiringMap[tuple[str, RetrieveScope], Listing] = ExpiringMap(
            ttl_s=ttl_s, max_weight=MAX_REMEMBERED_INSTANCES, clock=clock
        )
        self._forgotten = 0

    async def list(self, tenant_id: str, scope: RetrieveScope) -> Listing:
        """List the scope's instances.

        Raises:
            ObjectNotFoundError: all PACS answered, and none has it.
            PacsError: none of those that answered has it, and one did not answer.
        """
        known = self._remembered(tenant_id, scope)
        if known is not None:
            return known
        return await self._flights.run((tenant_id, scope), lambda: self._ask(tenant_id, scope))

    def forget(self, tenant_id: str) -> None:
        """Ask the tenant's PACS anew from now on."""
        self._forgotten += 1  # a listing that is being made just now may name a PACS that is gone
        self._listings.drop_where(lambda key: key[0] == tenant_id)

    def _remembered(self, tenant_id: str, scope: RetrieveScope) -> Listing | None:
        exact = self._listings.get((tenant_id, scope))
        if exact is not None:
            return exact
        for wider in wider_scopes(scope):
            listing = self._listings.get((tenant_id, wider))
            if listing is not None:
                part = tuple(entry for entry in listing.listed if scope.contains(entry.ref))
                return Listing(listing.client, part) if part else None
        return None

    async def _ask(self, tenant_id: str, scope: RetrieveScope) -> Listing:
        forgotten = self._forgotten
        clients = await self._clients.of_tenant(tenant_id)
        results = await find_everywhere(clients, listing_query(scope), self._max_instances)
        for client, result in zip(clients, results, strict=True):
            if isinstance(result, FindResult) and (listed := self._instances(client, result, scope)):
                listing = Listing(client, listed)
                if forgotten == self._forgotten:
                    self._listings.put((tenant_id, scope), listing, weight=len(listed))
                return listing
        for result in results:
            if isinstance(result, PacsError):
                raise result
        kind = _LEVEL_NAMES[scope.level]
        raise ObjectNotFoundError(f"no PACS of the tenant has this {kind}", kind=kind)

    def _instances(self, client: PacsClient, result: FindResult, scope: RetrieveScope) -> tuple[ListedInstance, ...]:
        if result.truncated:
            text = f"the PACS lists more than {self._max_instances} instances; retrieve series by series"
            raise PacsFailedError(text, pacs=client.name)
        entries = (_listed(match, scope) for match in result.matches)
        return tuple({entry.ref: entry for entry in entries if entry and scope.contains(entry.ref)}.values())


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
    return Query(QueryLevel.IMAGE, matching, include=((SOP_CLASS_UID,),), only_included=True)


def _listed(match: DicomJson, scope: RetrieveScope) -> ListedInstance | None:
    """A match as a listed instance; None when the PACS left out a UID that nothing else tells."""
    ref = InstanceRef(
        first_value(match, "0020000D") or scope.study_instance_uid,
        first_value(match, "0020000E") or scope.series_instance_uid or "",
        first_value(match, "00080018"),
    )
    if not (ref.series_instance_uid and ref.sop_instance_uid):
        return None
    return ListedInstance(ref, first_value(match, SOP_CLASS_UID))
