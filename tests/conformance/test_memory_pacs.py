"""The PACS in memory, on which service tests stand, against the PACS port's conformance suite."""

from pathlib import Path

import pytest

from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.dicom.instances import FailedInstance, ReceivedInstance
from radgate_server.core.errors import PacsAbortedError, PacsRejectedError, PacsTimeoutError
from radgate_server.core.pacs.ports import PacsClient
from tests.conformance.pacs_suite import PacsSuite, fetch
from tests.fakes.instances import STUDY, make_study
from tests.fakes.memory_pacs import MemoryPacs

WHOLE_STUDY = RetrieveScope(STUDY)


class TestMemoryPacs(PacsSuite):
    @pytest.fixture
    async def pacs(self, studies: list[Path]) -> PacsClient:
        return MemoryPacs(path.read_bytes() for path in studies).client


async def test_it_refuses() -> None:
    pacs = MemoryPacs()
    pacs.refuse_with = PacsRejectedError("no", pacs="memory")
    with pytest.raises(PacsRejectedError):
        await pacs.client.echo.echo()
    assert pacs.calls == {"echo": 1}


async def test_it_aborts_in_the_middle() -> None:
    pacs = MemoryPacs(make_study(3))
    pacs.abort_after = 2
    with pytest.raises(PacsAbortedError):
        await fetch(pacs.client, WHOLE_STUDY, ())
    assert (pacs.sent, pacs.open_retrieves, pacs.cancelled) == (2, 0, 0)


async def test_it_omits_and_fails_instances() -> None:
    pacs = MemoryPacs(make_study(3))
    pacs.omitted = {f"{STUDY}.1.1"}
    pacs.failing = {f"{STUDY}.1.2": PacsTimeoutError("slow", pacs="memory")}
    arrivals = await fetch(pacs.client, WHOLE_STUDY, ())
    assert [type(arrival) for arrival in arrivals] == [FailedInstance, ReceivedInstance]


async def test_it_counts_what_is_left_early() -> None:
    pacs = MemoryPacs(make_study(3))
    async with pacs.client.reader.retrieve(WHOLE_STUDY, ()) as arrivals:
        await anext(arrivals)
        assert pacs.open_retrieves == 1
    assert (pacs.open_retrieves, pacs.cancelled, pacs.sent) == (0, 1, 1)
