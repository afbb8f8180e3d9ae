"""Defects in the client of another package."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from radgate_server.adapters.pacs.contained import contained_pacs
from radgate_server.core.dicom.identifiers import QueryLevel, RetrieveScope
from radgate_server.core.dicom.instances import Arrival, ListedInstance
from radgate_server.core.errors import PacsFailedError, PacsTimeoutError
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.query.model import FindResult, Query
from tests.fakes.instances import make_study
from tests.fakes.memory_pacs import MemoryPacs

SCOPE, SENT = RetrieveScope("2.25.1"), "Doe^Jane"


class Defective:
    """Fails after one instance, with a text of the PACS."""

    async def find(self, query: Query, *, max_results: int) -> FindResult:
        raise KeyError(SENT)

    @asynccontextmanager
    async def retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AsyncIterator[AsyncIterator[Arrival]]:
        memory = MemoryPacs(make_study(1, study=scope.study_instance_uid))

        async def arrivals() -> AsyncIterator[Arrival]:
            async with memory.retrieve(scope, listed) as held:
                async for arrival in held:
                    yield arrival
            raise ValueError(SENT)

        yield arrivals()


def client() -> PacsClient:
    defective = Defective()
    return contained_pacs(replace(MemoryPacs(name="toys").client, query=defective, reader=defective))


async def test_a_defect_is_a_failure_of_its_pacs_and_is_logged_without_its_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(PacsFailedError, match="has a defect") as caught:
        await client().query.find(Query(QueryLevel.STUDY), max_results=1)
    assert caught.value.pacs == "toys"
    assert "KeyError" in caplog.text
    assert "in find" in caplog.text
    assert SENT not in caplog.text


async def test_a_defect_in_a_retrieve_comes_after_what_arrived() -> None:
    async with client().reader.retrieve(SCOPE, ()) as arrivals:
        await anext(arrivals)
        with pytest.raises(PacsFailedError, match="has a defect"):
            await anext(arrivals)


async def test_what_is_no_defect_passes_as_it_is() -> None:
    memory = MemoryPacs(make_study(2, study="2.25.1"), name="toys")
    contained = contained_pacs(memory.client)
    async with contained.reader.retrieve(SCOPE, ()) as arrivals:
        assert len([arrival async for arrival in arrivals]) == 2
    with pytest.raises(ZeroDivisionError):
        async with contained.reader.retrieve(SCOPE, ()):
            raise ZeroDivisionError
    memory.refuse_with = PacsTimeoutError("silent", pacs="toys")
    with pytest.raises(PacsTimeoutError):
        await contained.echo.echo()
    assert (contained.describer, contained.changes) == (None, None)
    assert contained_pacs(replace(memory.client, store=None)).store is None
