"""How one member asks another for instances of a study that the other holds."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import Arrival, ListedInstance
from radgate_server.core.servers.member import Member


class PeerFailedError(Exception):
    """A peer can't be reached, refuses, falls silent, or sends what is not right. Clients never see it."""


@dataclass(frozen=True, slots=True)
class PeerRequest:
    """What one member wants of another: `listed`, all of one study, of the tenant's PACS (or group) of that name."""

    tenant_id: str
    pacs: str
    scope: RetrieveScope
    listed: tuple[ListedInstance, ...]


@dataclass(frozen=True, slots=True)
class ViewPriority:
    """What goes first in a view that the credential `key_id` of the tenant has open: a series, from an instance on."""

    tenant_id: str
    key_id: str
    view_id: str
    series_instance_uid: str
    sop_instance_uid: str
    whole: bool


class PriorityOutcome(StrEnum):
    """What became of a priority."""

    DONE = "done"
    ENDED = "ended"  # the credential has no such view
    NOT_PART = "not-part"  # what is named is no part of the view


class Peers(Protocol):
    """The other members."""

    def fetch(self, holder: Member, request: PeerRequest) -> AbstractAsyncContextManager[AsyncIterator[Arrival]]:
        """Stream what the holder has or fetches, whole and verified by size and checksum, in any order.

        What it can't get comes as FailedInstance. Raises PeerFailedError, also half-way; leaving the context gives up
        the rest.
        """
        ...

    async def locate(self, member: Member, tenant_id: str, sop_instance_uid: str) -> InstanceRef | None:
        """Where the tenant's instance lies that came by at the member, None if it did not.

        Raises PeerFailedError.
        """
        ...

    async def prioritize(self, member: Member, priority: ViewPriority) -> PriorityOutcome:
        """Have it done by the member that sends the view. Raises PeerFailedError."""
        ...


class NoPeers:
    """Peers of a server that asks nobody."""

    def fetch(self, holder: Member, request: PeerRequest) -> AbstractAsyncContextManager[AsyncIterator[Arrival]]:
        """Raise PeerFailedError."""
        raise _asks_nobody(holder)

    async def locate(self, member: Member, _tenant_id: str, _sop_instance_uid: str) -> InstanceRef | None:
        """Raise PeerFailedError."""
        raise _asks_nobody(member)

    async def prioritize(self, member: Member, _priority: ViewPriority) -> PriorityOutcome:
        """Raise PeerFailedError."""
        raise _asks_nobody(member)


def _asks_nobody(member: Member) -> PeerFailedError:
    return PeerFailedError(f"this server asks no other, and so not {member.name}")
