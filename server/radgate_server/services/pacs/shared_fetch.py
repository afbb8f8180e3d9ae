"""Several servers fetch a study from its PACS once: one of them holds it, the others stream it from there.

See docs/adr/0059-study-holders.md. It is asked who holds a study only when something must be fetched.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Protocol

from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import Arrival, FailedInstance, ListedInstance
from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.core.pacs.ports import PacsClient, PacsReader
from radgate_server.core.servers.holders import StudyHolders
from radgate_server.core.servers.member import Member, listeners, reaches
from radgate_server.core.servers.peers import PeerFailedError, PeerRequest, Peers
from radgate_server.services.pacs.arrival_check import CheckedReader, UnobservedArrivals
from radgate_server.services.pacs.fetch_scopes import instance_scope
from radgate_server.services.servers.membership import Membership

_log = logging.getLogger(__name__)

CLAIM_TIMEOUT_S = 2.0
"""A database that answers later is not waited for."""


class PeerTelemetry(Protocol):
    """What is counted of peers."""

    def peer_received(self, count: int) -> None:
        """An instance of so many bytes came from a peer, and not from the PACS."""
        ...

    def study_taken_over(self) -> None:
        """The claim of a study was taken over from a peer that failed."""
        ...


@dataclass(frozen=True, slots=True)
class SharedFetching:
    """What it takes to fetch together with the other members."""

    membership: Membership
    holders: StudyHolders
    peers: Peers
    telemetry: PeerTelemetry

    def share(self, tenant_id: str, client: PacsClient) -> PacsClient:
        """The same PACS; what another member holds is streamed from there."""
        return replace(client, reader=SharedReader(client, tenant_id, self))


class SharedReader:
    """PacsReader that asks the holder of the study first, and the PACS for what the holder did not send."""

    def __init__(self, client: PacsClient, tenant_id: str, shared: SharedFetching) -> None:
        self._client = client
        self._tenant_id = tenant_id
        self._shared = shared

    @asynccontextmanager
    async def retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AsyncIterator[AsyncIterator[Arrival]]:
        """As the client's own reader."""
        is_alone = len(self._shared.membership.members) < 2 and not self._client.arrives_elsewhere
        if is_alone or not listed:
            async with self._client.reader.retrieve(scope, listed) as arrivals:
                yield arrivals
            return
        async with aclosing(self._arrivals(scope, listed)) as arrivals:
            yield arrivals

    async def _arrivals(self, scope: RetrieveScope, listed: Sequence[ListedInstance]) -> AsyncGenerator[Arrival]:
        missing = {entry.ref: entry for entry in listed}
        async with aclosing(self._from_peers(scope, missing)) as received:
            async for arrival in received:
                yield arrival
        if not missing:
            return
        # When some came, the rest is asked for one by one: what a peer has sent is not fetched again.
        parts = [scope] if len(missing) == len(listed) else [instance_scope(ref) for ref in missing]
        for part in parts:
            wanted = [entry for entry in missing.values() if part.contains(entry.ref)]
            async with self._client.reader.retrieve(part, wanted) as arrivals:
                async for arrival in arrivals:
                    yield arrival

    async def _from_peers(
        self, scope: RetrieveScope, missing: dict[InstanceRef, ListedInstance]
    ) -> AsyncGenerator[Arrival]:
        """What the holder sends, which is missing no more. If it fails, its claim is taken over, or the next asked."""
        failed = list[str]()
        find = self._listener if self._client.arrives_elsewhere else self._holder
        while missing and (holder := await find(scope.study_instance_uid, failed)) is not None:
            request = PeerRequest(self._tenant_id, self._client.name, scope, tuple(missing.values()))
            try:
                async with self._peer_reader(holder, request).retrieve(scope, request.listed) as sent:
                    async for arrival in sent:
                        self._check(arrival)
                        if missing.pop(arrival.ref, None) is not None:
                            yield arrival
            except PeerFailedError as error:
                _log.warning("a server does not send a study that it holds: %s", error)
                failed.append(holder.member_id)
            else:
                return

    def _check(self, arrival: Arrival) -> None:
        """Count what came. Raises PeerFailedError for another instance than was asked for, where the PACS can be."""
        if not isinstance(arrival, FailedInstance):
            self._shared.telemetry.peer_received(arrival.content.size_bytes)
        elif not self._client.arrives_elsewhere:
            raise PeerFailedError("it sent another instance than the one asked for")

    def _peer_reader(self, holder: Member, request: PeerRequest) -> PacsReader:
        """What the holder sends, each instance compared with what was asked for, as that of a PACS is."""
        sender = _PeerSender(holder, request, self._shared.peers, with_failures=self._client.arrives_elsewhere)
        return CheckedReader(request.pacs, sender, request.tenant_id, UnobservedArrivals())

    async def _holder(self, study_instance_uid: str, failed: Sequence[str]) -> Member | None:
        """The other member that holds the study, None when this one fetches it itself."""
        own = self._shared.membership.own
        if len(failed) >= len(self._shared.membership.members):
            return None
        holder = await self._claim(study_instance_uid, own, failed)
        if failed and holder == own:
            self._shared.telemetry.study_taken_over()
        return holder if holder is not None and reaches(own, holder) else None

    async def _listener(self, study_instance_uid: str, failed: Sequence[str]) -> Member | None:
        """The member that fetches for this one, which does not listen: the holder if it does, else one that does.

        None when there is none, or all failed.
        """
        found = self._listeners(failed)
        if not found:  # one may have begun to since the last look
            with suppress(DatabaseUnavailableError, TimeoutError):
                async with asyncio.timeout(CLAIM_TIMEOUT_S):
                    await self._shared.membership.look()
            found = self._listeners(failed)
        if not found:
            return None
        holder = await self._claim(study_instance_uid, found[0], failed)
        return holder if holder in found else found[0]

    def _listeners(self, failed: Sequence[str]) -> list[Member]:
        membership = self._shared.membership
        return [each for each in listeners(membership.own, membership.members) if each.member_id not in failed]

    async def _claim(self, study_instance_uid: str, claimant: Member, failed: Sequence[str]) -> Member | None:
        """Who holds the study, `claimant` if nobody else does, None when nobody knows."""
        shared, instead_of = self._shared, failed[-1] if failed else ""
        claim = shared.holders.claim(self._tenant_id, study_instance_uid, claimant.member_id, instead_of=instead_of)
        try:
            async with asyncio.timeout(CLAIM_TIMEOUT_S):
                return await shared.membership.find(await claim)
        except (DatabaseUnavailableError, TimeoutError):
            return None


class _PeerSender:
    """PacsReader that asks a peer, which is not believed about what it fails to send unless `with_failures`."""

    def __init__(self, holder: Member, request: PeerRequest, peers: Peers, *, with_failures: bool) -> None:
        self._holder = holder
        self._request = request
        self._peers = peers
        self._with_failures = with_failures

    @asynccontextmanager
    async def retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AsyncIterator[AsyncIterator[Arrival]]:
        async with self._peers.fetch(self._holder, replace(self._request, scope=scope, listed=tuple(listed))) as sent:
            yield (each async for each in sent if self._with_failures or not isinstance(each, FailedInstance))
