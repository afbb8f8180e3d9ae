"""What one server alone knows, asked of servers that know it, don't, or fail."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.errors import ViewElsewhereError
from radgate_server.core.servers.member import Member
from radgate_server.core.servers.peers import NoPeers, PeerFailedError, PriorityOutcome, ViewPriority
from radgate_server.services.servers.membership import LEASE_S, Membership
from radgate_server.services.servers.other_servers import OtherServers
from tests.conformance.members_suite import FIRST, SECOND
from tests.fakes.clock import FakeClock
from tests.fakes.members import MemoryMembers

REF = InstanceRef("2.25.1", "2.25.1.1", "2.25.1.1.1")
THIRD = replace(SECOND, member_id="c" * 32, address="10.0.0.3:5")


@dataclass
class KnowingPeers(NoPeers):
    """Each member knows this, or hangs for ever where None stands for it; others fail."""

    known: dict[str, InstanceRef | None]
    hangs: set[str] = field(default_factory=set)
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    async def locate(self, member: Member, tenant_id: str, sop_instance_uid: str) -> InstanceRef | None:
        self.asked.append((member.member_id, tenant_id, sop_instance_uid))
        if member.member_id in self.hangs:
            await asyncio.Event().wait()
        if member.member_id not in self.known:
            raise PeerFailedError("it is lost")
        return self.known[member.member_id]


class Viewing(NoPeers):
    """Only the second member sends views."""

    async def prioritize(self, member: Member, priority: ViewPriority) -> PriorityOutcome:
        if member != SECOND:
            raise PeerFailedError("it is lost")
        return PriorityOutcome.DONE if priority.view_id == "open" else PriorityOutcome.ENDED


async def search(peers: KnowingPeers, *, away: bool = False) -> InstanceRef | None:
    registry = MemoryMembers(FakeClock())
    membership = Membership(FIRST, registry)
    for member in (SECOND, THIRD):
        await registry.announce(member, LEASE_S)
    await membership.look()
    registry.away = away
    return await OtherServers(membership, peers).locate("east", REF.sop_instance_uid)


async def test_who_knows_it_is_heard_whatever_becomes_of_the_others() -> None:
    assert await search(KnowingPeers({THIRD.member_id: REF})) == REF
    assert await search(KnowingPeers({SECOND.member_id: None, THIRD.member_id: REF}, {SECOND.member_id})) == REF
    assert await search(KnowingPeers({SECOND.member_id: None, THIRD.member_id: REF}), away=True) == REF


async def test_nobody_knows_it() -> None:
    peers = KnowingPeers({SECOND.member_id: None})
    assert await search(peers) is None
    assert sorted(peers.asked) == [(each.member_id, "east", REF.sop_instance_uid) for each in (SECOND, THIRD)]


async def test_who_came_since_the_last_look_is_asked_too() -> None:
    registry = MemoryMembers(FakeClock())
    membership = Membership(FIRST, registry)
    await membership.look()
    await registry.announce(SECOND, LEASE_S)
    peers = KnowingPeers({SECOND.member_id: REF})
    assert await OtherServers(membership, peers).locate("east", REF.sop_instance_uid) == REF


def priority(view_id: str = "open") -> ViewPriority:
    return ViewPriority("east", "key", view_id, "2.25.1.1", "", whole=True)


async def test_what_a_viewer_wants_next_is_done_by_the_server_that_sends_the_view() -> None:
    registry = MemoryMembers(FakeClock())
    others = OtherServers(Membership(FIRST, registry), Viewing())
    for member in (SECOND, THIRD):
        await registry.announce(member, LEASE_S)
    assert await others.prioritize(SECOND.member_id, priority()) is PriorityOutcome.DONE
    assert await others.prioritize(SECOND.member_id, priority("over")) is PriorityOutcome.ENDED
    for member_id in (THIRD.member_id, "d" * 32, ""):
        with pytest.raises(ViewElsewhereError):
            await others.prioritize(member_id, priority())
    registry.away = True
    with pytest.raises(ViewElsewhereError):
        await others.prioritize(SECOND.member_id, priority())
