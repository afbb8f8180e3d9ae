"""Several servers fetch a study once."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import Arrival, FailedInstance, ListedInstance, MemoryContent, ReceivedInstance
from radgate_server.core.errors import InstanceNotSentError
from radgate_server.core.servers.member import Member, reaches
from radgate_server.core.servers.peers import PeerFailedError, PeerRequest
from radgate_server.services.pacs.shared_fetch import SharedFetching, SharedReader
from radgate_server.services.servers.membership import LEASE_S, Membership
from tests.conformance.members_suite import FIRST, SECOND
from tests.fakes.clock import FakeClock
from tests.fakes.holders import MemoryHolders
from tests.fakes.instances import encode, make_dataset
from tests.fakes.members import MemoryMembers

STUDY = "2.25.1"
REFS = [InstanceRef(STUDY, "2.25.2", f"2.25.2.{number}") for number in range(4)]
LISTED = [ListedInstance(ref, "") for ref in REFS]
SCOPE = RetrieveScope(STUDY)
OWN = replace(FIRST, address="127.0.0.1:1")
OTHER = replace(SECOND, name=FIRST.name, address="127.0.0.1:2", listens=True)
THIRD = replace(OTHER, member_id="c" * 32)


def received(ref: InstanceRef, sent: InstanceRef | None = None) -> ReceivedInstance:
    """An instance that is said to be `ref`, and is `sent`."""
    dataset = make_dataset(*(sent or ref))
    return ReceivedInstance(ref, dataset.SOPClassUID, "1.2.840.10008.1.2.1", MemoryContent((encode(dataset),)))


@dataclass
class Pacs:
    """PacsReader that sends what is asked for."""

    name: str = "main"
    arrives_elsewhere: bool = False
    scopes: list[RetrieveScope] = field(default_factory=list)

    @property
    def reader(self) -> "Pacs":
        return self

    @asynccontextmanager
    async def retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AsyncIterator[AsyncIterator[Arrival]]:
        self.scopes.append(scope)

        async def send() -> AsyncIterator[Arrival]:
            for entry in listed:
                yield received(entry.ref)

        yield send()


@dataclass
class ScriptedPeers:
    """Peers that send these, by member, and fail when that is all unless all is there."""

    sends: dict[str, list[Arrival]] = field(default_factory=dict)
    asked: list[tuple[str, PeerRequest]] = field(default_factory=list)

    @asynccontextmanager
    async def fetch(self, holder: Member, request: PeerRequest) -> AsyncIterator[AsyncIterator[Arrival]]:
        self.asked.append((holder.member_id, request))
        sends = self.sends.get(holder.member_id, [])

        async def send() -> AsyncIterator[Arrival]:
            for instance in sends:
                yield instance
            if len(sends) < len(request.listed):
                raise PeerFailedError("it is lost")

        yield send()


@dataclass
class Counts:
    """PeerTelemetry."""

    received: int = 0
    taken_over: int = 0

    def peer_received(self, count: int) -> None:
        assert count > 0
        self.received += 1

    def study_taken_over(self) -> None:
        self.taken_over += 1


class Bench:
    """One server among others."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.members = MemoryMembers(self.clock)
        self.holders = MemoryHolders(self.members)
        self.membership = Membership(OWN, self.members)
        self.pacs, self.peers, self.counts = Pacs(), ScriptedPeers(), Counts()

    async def join(self, *others: Member) -> None:
        for member in others:
            await self.members.announce(member, LEASE_S)
        await self.membership.look()

    async def hold(self, member: Member) -> None:
        await self.holders.claim("east", STUDY, member.member_id)
        self.holders.asked = 0

    async def fetch(self) -> list[InstanceRef]:
        came = await self.arrivals()
        assert all(isinstance(arrival, ReceivedInstance) for arrival in came)
        return [arrival.ref for arrival in came]

    async def arrivals(self) -> list[Arrival]:
        shared = SharedFetching(self.membership, self.holders, self.peers, self.counts)
        async with SharedReader(self.pacs, "east", shared).retrieve(SCOPE, LISTED) as arrivals:  # type: ignore[arg-type]
            return [arrival async for arrival in arrivals]


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_a_server_that_is_alone_claims_nothing(bench: Bench) -> None:
    await bench.join()
    assert await bench.fetch() == REFS
    assert (bench.holders.asked, bench.pacs.scopes) == (0, [SCOPE])


async def test_who_claims_a_study_fetches_it_from_the_pacs(bench: Bench) -> None:
    await bench.join(OTHER)
    assert await bench.fetch() == REFS
    assert (bench.holders.claims, bench.pacs.scopes) == ({("east", STUDY): OWN.member_id}, [SCOPE])
    assert bench.peers.asked == []


async def test_what_another_holds_comes_from_there(bench: Bench) -> None:
    await bench.join(OTHER)
    await bench.hold(OTHER)
    bench.peers.sends[OTHER.member_id] = [received(ref) for ref in REFS]
    assert await bench.fetch() == REFS
    assert bench.peers.asked == [(OTHER.member_id, PeerRequest("east", "main", SCOPE, tuple(LISTED)))]
    assert (bench.pacs.scopes, bench.counts) == ([], Counts(received=4))


async def test_a_study_is_taken_over_from_a_holder_that_is_lost_half_way(bench: Bench) -> None:
    await bench.join(OTHER)
    await bench.hold(OTHER)
    bench.peers.sends[OTHER.member_id] = [received(ref) for ref in REFS[:3]]
    assert await bench.fetch() == REFS
    assert bench.pacs.scopes == [RetrieveScope(*REFS[3])]
    assert bench.holders.claims == {("east", STUDY): OWN.member_id}
    assert bench.counts == Counts(received=3, taken_over=1)


async def test_another_instance_is_not_taken(bench: Bench) -> None:
    await bench.join(OTHER)
    await bench.hold(OTHER)
    lie = received(REFS[1], InstanceRef(STUDY, "2.25.2", "2.25.99"))
    bench.peers.sends[OTHER.member_id] = [received(REFS[0]), lie, received(REFS[2]), received(REFS[3])]
    assert await bench.fetch() == REFS
    assert bench.pacs.scopes == [RetrieveScope(*ref) for ref in REFS[1:]]
    assert bench.counts == Counts(received=1, taken_over=1)


async def test_the_next_holder_is_asked_when_the_study_was_taken_over_already(bench: Bench) -> None:
    await bench.join(OTHER, THIRD)
    await bench.hold(OTHER)
    bench.peers.sends[THIRD.member_id] = [received(ref) for ref in REFS]
    claim = bench.holders.claim

    async def claim_after_the_third(tenant_id: str, study: str, own: str, *, instead_of: str = "") -> str:
        if instead_of:
            await claim(tenant_id, study, THIRD.member_id, instead_of=instead_of)
        return await claim(tenant_id, study, own, instead_of=instead_of)

    bench.holders.claim = claim_after_the_third  # type: ignore[method-assign]
    assert await bench.fetch() == REFS
    assert [member_id for member_id, _ in bench.peers.asked] == [OTHER.member_id, THIRD.member_id]
    assert (bench.pacs.scopes, bench.counts) == ([], Counts(received=4))


async def test_without_the_database_the_pacs_is_asked(bench: Bench) -> None:
    await bench.join(OTHER)
    await bench.hold(OTHER)
    bench.members.away = True
    assert await bench.fetch() == REFS
    assert (bench.pacs.scopes, bench.peers.asked) == ([SCOPE], [])


async def test_a_holder_out_of_reach_keeps_its_claim(bench: Bench) -> None:
    away = replace(OTHER, name="another machine")
    await bench.join(away)
    await bench.hold(away)
    assert await bench.fetch() == REFS
    assert (bench.pacs.scopes, bench.peers.asked) == ([SCOPE], [])
    assert bench.holders.claims == {("east", STUDY): away.member_id}


async def test_what_a_holder_fails_to_send_the_pacs_is_asked_for(bench: Bench) -> None:
    await bench.join(OTHER)
    await bench.hold(OTHER)
    failure = FailedInstance(REFS[0], InstanceNotSentError("not sent", pacs="main"))
    bench.peers.sends[OTHER.member_id] = [failure, *(received(ref) for ref in REFS[1:])]
    assert await bench.fetch() == [*REFS[1:], REFS[0]]
    assert bench.pacs.scopes == [RetrieveScope(*REFS[0])]


DEAF = replace(OTHER, listens=False)
ANOTHER_MACHINE = replace(THIRD, name="another machine", address="10.0.0.2:5")


@pytest.fixture
def moving(bench: Bench) -> Bench:
    """A server that does not listen, and a PACS that is read by C-MOVE."""
    bench.pacs.arrives_elsewhere = True
    return bench


async def test_who_does_not_listen_has_a_server_fetch_that_does(moving: Bench) -> None:
    await moving.join(replace(ANOTHER_MACHINE, member_id="0" * 32), replace(DEAF, member_id="1" * 32), OTHER)
    moving.peers.sends[OTHER.member_id] = [received(ref) for ref in REFS]
    assert await moving.fetch() == REFS
    assert [member_id for member_id, _ in moving.peers.asked] == [OTHER.member_id]
    assert moving.holders.claims == {("east", STUDY): OTHER.member_id}
    assert (moving.pacs.scopes, moving.counts) == ([], Counts(received=4))


async def test_the_holder_is_asked_if_it_listens(moving: Bench) -> None:
    await moving.join(OTHER, ANOTHER_MACHINE)
    await moving.hold(ANOTHER_MACHINE)
    moving.peers.sends[ANOTHER_MACHINE.member_id] = [received(ref) for ref in REFS]
    assert await moving.fetch() == REFS


@pytest.mark.parametrize("holder", [OWN, DEAF])
async def test_a_claim_of_who_does_not_listen_is_no_obstacle(moving: Bench, holder: Member) -> None:
    await moving.join(*{OTHER, ANOTHER_MACHINE} - {holder}, replace(DEAF, member_id="1" * 32))
    await moving.hold(replace(holder, member_id="1" * 32) if holder is DEAF else holder)
    moving.peers.sends[OTHER.member_id] = [received(ref) for ref in REFS]
    assert await moving.fetch() == REFS


async def test_the_next_listener_goes_on_when_one_is_lost(moving: Bench) -> None:
    await moving.join(OTHER, ANOTHER_MACHINE)
    moving.peers.sends[OTHER.member_id] = [received(ref) for ref in REFS[:2]]
    moving.peers.sends[ANOTHER_MACHINE.member_id] = [received(ref) for ref in REFS[2:]]
    arrivals = await moving.arrivals()
    assert [one.ref for one in arrivals] == REFS
    assert moving.holders.claims == {("east", STUDY): ANOTHER_MACHINE.member_id}
    assert [len(request.listed) for _, request in moving.peers.asked] == [4, 2]


async def test_a_listener_that_has_just_come_is_found(moving: Bench) -> None:
    await moving.join()
    await moving.members.announce(OTHER, LEASE_S)
    moving.peers.sends[OTHER.member_id] = [received(ref) for ref in REFS]
    assert await moving.fetch() == REFS


async def test_what_the_pacs_did_not_send_to_the_listener_failed(moving: Bench) -> None:
    await moving.join(OTHER)
    failure = FailedInstance(REFS[0], InstanceNotSentError("not sent", pacs="main"))
    moving.peers.sends[OTHER.member_id] = [failure, *(received(ref) for ref in REFS[1:])]
    assert (await moving.arrivals())[0] == failure
    assert moving.pacs.scopes == []


@pytest.mark.parametrize("away", [True, False])
async def test_without_a_listener_the_pacs_client_says_so(moving: Bench, away: bool) -> None:
    await moving.join(DEAF)
    moving.members.away = away
    await moving.fetch()
    assert (moving.pacs.scopes, moving.peers.asked) == ([SCOPE], [])


def test_a_loopback_address_is_reached_on_its_own_machine_alone() -> None:
    assert reaches(OWN, OTHER)
    assert not reaches(OWN, OWN)
    assert not reaches(OWN, replace(OTHER, address=""))
    assert not reaches(OWN, replace(OTHER, name="another", address="[::1]:5"))
    assert reaches(OWN, replace(OTHER, name="another", address="10.0.0.2:5"))
