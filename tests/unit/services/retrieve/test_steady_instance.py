"""Each tier may have lost its copy: the disk has dropped it, and the object store's is damaged."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.dicom.memory_instance import MemoryInstance
from radgate_server.core.errors import CorruptEntryError, InstanceNotSentError
from radgate_server.services.retrieve.instances import InstanceReader
from radgate_server.services.retrieve.steady_instance import SteadyInstance
from tests.fakes.instance_store import MemoryInstanceStore, StoredInstance
from tests.fakes.instances import make_dataset, received


def instance(**attributes: str) -> MemoryInstance:
    return MemoryInstance.from_received(received(make_dataset("2.25.1", "2.25.1.1", "2.25.1.1.1", **attributes)))


INSTANCE = instance()


def lost(instance: MemoryInstance = INSTANCE) -> InstanceHandle:
    """What a tier said that it has, and has not."""
    return StoredInstance(MemoryInstanceStore(), "east", instance)


def steady(*copies: InstanceHandle) -> SteadyInstance:
    """Over the first of them; the others are what is fetched again."""
    others = iter(copies[1:])

    async def fetch_again() -> InstanceHandle:
        return next(others)

    return SteadyInstance(copies[0], fetch_again)


@pytest.fixture
def reader() -> Iterator[InstanceReader]:
    with ThreadPoolExecutor(1) as executor:
        yield InstanceReader(MemoryInstanceStore(), executor)


@pytest.mark.parametrize("losses", [0, 1, 2])
async def test_what_tiers_have_lost_is_read_from_the_pacs(losses: int, reader: InstanceReader) -> None:
    copies = [*(lost() for _ in range(losses)), INSTANCE]
    assert await steady(*copies).read(0, INSTANCE.size_bytes) == INSTANCE.data
    assert await reader.in_thread(steady(*copies), bytes) == INSTANCE.data


async def test_what_is_lost_again_and_again_is_given_up(reader: InstanceReader) -> None:
    with pytest.raises(CorruptEntryError):
        await steady(*(lost() for _ in range(3))).read(0, 1)
    with pytest.raises(CorruptEntryError):
        await reader.in_thread(steady(*(lost() for _ in range(3))), bytes)


async def test_a_copy_with_other_bytes_is_not_mixed_with_what_was_sent_before() -> None:
    other = instance(PatientID="P-2")
    with pytest.raises(InstanceNotSentError):
        await steady(lost(), other).read(0, 1)
