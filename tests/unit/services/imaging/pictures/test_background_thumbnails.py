from collections.abc import AsyncIterator

import pytest

from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.errors import InstanceMalformedError, StorageFullError
from radgate_server.core.imaging.ports import Priority
from radgate_server.services.imaging.pictures import background_thumbnails
from radgate_server.services.imaging.pictures.background_thumbnails import BackgroundThumbnails
from radgate_server.services.retrieve.arrivals import AnnouncingStore
from tests.fakes.instance_store import MemoryInstanceStore
from tests.fakes.instances import make_dataset, received
from tests.fakes.waiting import until

STUDY = "2.25.1"


class Workshop:
    """Keeps instances, and notes which thumbnails were made; what `failures` holds is raised first."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.failures: list[Exception] = []
        self.priorities: set[Priority] = set()
        self.inner = MemoryInstanceStore()
        self.background = BackgroundThumbnails(self.inner, self.make, quiet_s=0)
        self.store = AnnouncingStore(self.inner, (self.background.offer,))

    async def make(self, tenant_id: str, handle: InstanceHandle, priority: Priority) -> None:
        self.priorities.add(priority)
        if self.failures:
            raise self.failures.pop()
        self.made.append(f"{tenant_id} {handle.ref.sop_instance_uid}")

    async def put(self, *numbers: int) -> None:
        for number in numbers:
            dataset = make_dataset(STUDY, f"{STUDY}.1", f"{STUDY}.1.{number}", number=number)
            await self.store.put("east", received(dataset))


def made(*numbers: int) -> list[str]:
    return [f"east {STUDY}.1.{number}" for number in numbers]


@pytest.fixture
async def workshop() -> AsyncIterator[Workshop]:
    workshop = Workshop()
    workshop.background.start()
    yield workshop
    await workshop.background.close()


async def test_what_arrives_gets_its_thumbnail_behind_everything_else(workshop: Workshop) -> None:
    await workshop.put(1, 2, 3)
    await until(lambda: len(workshop.made) == 3)
    assert workshop.made == made(1, 2, 3)
    assert workshop.priorities == {Priority.THUMBNAIL}


async def test_one_that_fails_and_one_that_is_gone_do_not_stop_the_others(workshop: Workshop) -> None:
    workshop.failures = [InstanceMalformedError("broken"), ValueError("a defect")]
    await workshop.put(1, 2, 3, 4)
    del workshop.inner.instances["east", InstanceRef(STUDY, f"{STUDY}.1", f"{STUDY}.1.3")]
    await until(lambda: len(workshop.made) == 1)
    assert workshop.made == made(4)


async def test_too_many_are_passed_over(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_thumbnails, "MAX_WAITING", 2)
    workshop.store = AnnouncingStore(workshop.inner, ())
    await workshop.put(1, 2, 3)
    for instance in list(workshop.inner.instances.values()):
        workshop.background.offer("east", instance)
    await until(lambda: len(workshop.made) == 2)
    assert workshop.made == made(1, 2)


async def test_what_is_not_kept_is_not_announced(workshop: Workshop) -> None:
    workshop.inner.full = True
    reported: list[InstanceRef] = []
    workshop.store = AnnouncingStore(workshop.inner, (lambda _, handle: reported.append(handle.ref),))
    with pytest.raises(StorageFullError):
        await workshop.put(1)
    workshop.inner.full = False
    await workshop.put(2)
    assert [ref.sop_instance_uid for ref in reported] == [f"{STUDY}.1.2"]
