"""Several servers fetch a study from its PACS once: one of them holds it, the others stream it from there.

See docs/adr/0059-study-holders.md. It is asked who holds a study only when something must be fetched.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import Arrival, FailedInstance, ListedInstance, ReceivedInstance
from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.core.pacs.ports import PacsClient, PacsReader
from radgate_server.core.servers.holders import StudyHolders
from radgate_server.core.servers.member import Member, reaches
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
        if len(self._shared.membership.members) < 2 or not listed:
            async with self._client.reader.retrieve(scope, listed) as arrivals:
                yield arrivals
            return
        async with aclosing(self._arrivals(scope, listed)) as arrivals:
            yield arrivals

    async def _arrivals(self, scope: RetrieveScope, listed: Sequence[ListedInstance]) -> AsyncGenerator[Arrival]:
        missing = {entry.ref: entry for entry in listed}
        async with aclosing(self._from_peers(scope, missing)) as received:
            async for instance in received:
                yield instance
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
    ) -> AsyncGenerator[ReceivedInstance]:
        """What the holder sends, which is missing no more. If it fails, its claim is taken over, or the next asked."""
        study, failed = scope.study_instance_uid, ""
        for _ in self._shared.membership.members:
            holder = await self._claim(study, failed)
            if holder is None or not missing:
                return
            request = PeerRequest(self._tenant_id, self._client.name, scope, tuple(missing.values()))
            try:
                async with _peer_reader(holder, request, self._shared.peers).retrieve(scope, request.listed) as sent:
                    async for arrival in sent:
                        if isinstance(arrival, FailedInstance):
                            raise PeerFailedError("it sent another instance than the one asked for")
                        if missing.pop(arrival.ref, None) is not None:
                            self._shared.telemetry.peer_received(arrival.content.size_bytes)
                            yield arrival
            except PeerFailedError as error:
                _log.warning("a server does not send a study that it holds: %s", error)
                failed = holder.member_id
            else:
                return

    async def _claim(self, study_instance_uid: str, failed: str) -> Member | None:
        """The other member that holds the study, None when this one fetches it itself."""
        membership = self._shared.membership
        own = membership.own
        claim = self._shared.holders.claim(self._tenant_id, study_instance_uid, own.member_id, instead_of=failed)
        try:
            async with asyncio.timeout(CLAIM_TIMEOUT_S):
                holder = await membership.find(await claim)
        except (DatabaseUnavailableError, TimeoutError):
            return None
        if failed and holder == own:
            self._shared.telemetry.study_taken_over()
        return holder if holder is not None and reaches(own, holder) else None


def _peer_reader(holder: Member, request: PeerRequest, peers: Peers) -> PacsReader:
    """What the holder sends, each instance compared with what was asked for, as that of a PACS is."""
    sender = _PeerSender(holder, request, peers)
    return CheckedReader(request.pacs, sender, request.tenant_id, UnobservedArrivals())


class _PeerSender:
    """PacsReader that asks a peer."""

    def __init__(self, holder: Member, request: PeerRequest, peers: Peers) -> None:
        self._holder = holder
        self._request = request
        self._peers = peers

    @asynccontextmanager
    async def retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AsyncIterator[AsyncIterator[Arrival]]:
        async with self._peers.fetch(self._holder, replace(self._request, scope=scope, listed=tuple(listed))) as sent:
            yield sent
