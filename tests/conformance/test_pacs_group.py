"""A primary with a backup, as services see it, against the PACS port's conformance suite."""

from pathlib import Path

import pytest

from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.dicom.instances import ReceivedInstance
from radgate_server.core.errors import PacsAbortedError
from radgate_server.core.pacs.connections import FailoverPolicy
from radgate_server.core.pacs.failover import Group
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.services.pacs.failover.group_client import group_client
from radgate_server.services.pacs.failover.tracker import FailoverTracker
from tests.conformance.pacs_suite import PacsSuite, fetch
from tests.fakes.clock import FakeClock
from tests.fakes.directory import MemoryDirectory
from tests.fakes.instances import STUDY, make_study
from tests.fakes.memory_pacs import MemoryPacs
from tests.fakes.telemetry import RecordingTelemetry

GROUP = Group("tenant", "main", ("main", "spare"), FailoverPolicy(threshold=100))


async def group_of(*members: MemoryPacs) -> PacsClient:
    tracker = FailoverTracker(MemoryDirectory(), FakeClock(), RecordingTelemetry())
    await tracker.load("tenant", [GROUP])
    return group_client(GROUP, {member.name: member.client for member in members}, tracker)


class TestGroup(PacsSuite):
    """Both members are well."""

    @pytest.fixture
    async def pacs(self, studies: list[Path]) -> PacsClient:
        return await group_of(*(MemoryPacs((path.read_bytes() for path in studies), name) for name in GROUP.members))


class TestGroupWithABrokenPrimary(PacsSuite):
    """Each stream of the primary breaks before its first instance."""

    @pytest.fixture
    async def pacs(self, studies: list[Path]) -> PacsClient:
        main, spare = (MemoryPacs((path.read_bytes() for path in studies), name) for name in GROUP.members)
        main.abort_after = 0
        return await group_of(main, spare)


async def test_delivers_each_instance_once_though_nothing_was_listed() -> None:
    main, spare = (MemoryPacs(make_study(4), name) for name in GROUP.members)
    main.abort_after = 3
    arrivals = await fetch(await group_of(main, spare), RetrieveScope(STUDY), ())
    assert len({arrival.ref for arrival in arrivals}) == len(arrivals) == 4
    assert all(isinstance(arrival, ReceivedInstance) for arrival in arrivals)


async def test_no_outage_looks_like_an_empty_study() -> None:
    main, spare = (MemoryPacs(make_study(2), name) for name in GROUP.members)
    main.abort_after = spare.abort_after = 0
    with pytest.raises(PacsAbortedError):
        await fetch(await group_of(main, spare), RetrieveScope(STUDY), ())
