import pytest

from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.errors import ObjectNotFoundError, PacsUnreachableError
from radgate_server.services.imaging.pictures.ordered_contents import OrderedContents
from radgate_server.services.imaging.pictures.representative import Representatives, may_have_images
from radgate_server.services.query.fan_out import AskLimits
from radgate_server.services.query.search import QueryService, RememberLimits
from radgate_server.services.retrieve.listing import StudyLister
from tests.fakes.clock import FakeClock
from tests.fakes.instances import make_instance
from tests.fakes.memory_pacs import MemoryPacs
from tests.unit.services.query.test_query import connect

STUDY = "2.25.1"
STRUCTURED_REPORT = "1.2.840.10008.5.1.4.1.1.88.11"


async def representatives(pacs: MemoryPacs) -> Representatives:
    clients, limits, clock = await connect(pacs), AskLimits(100, 10), FakeClock()
    query = QueryService(clients, limits, RememberLimits(5, 300), clock)
    return Representatives(OrderedContents(query), StudyLister(clients, limits, ttl_s=5, route_ttl_s=5, clock=clock))


def series(number: int, instances: list[int], **attributes: object) -> list[bytes]:
    uid = f"{STUDY}.{number}"
    return [
        make_instance(STUDY, uid, f"{uid}.{50 - one}", number=one, SeriesNumber=number, **attributes)
        for one in instances
    ]


@pytest.mark.parametrize(("numbers", "middle"), [([7], 7), ([4, 2, 9], 4), ([10, 9, 8, 7], 8)])
async def test_the_middle_instance_by_its_number_stands_for_a_series(numbers: list[int], middle: int) -> None:
    pacs = MemoryPacs(series(1, numbers))
    ref = await (await representatives(pacs)).of("east", RetrieveScope(STUDY, f"{STUDY}.1"))
    assert ref.sop_instance_uid == f"{STUDY}.1.{50 - middle}"
    assert pacs.calls == {"find": 1}


async def test_the_first_series_with_images_stands_for_a_study() -> None:
    pacs = MemoryPacs(
        [
            *series(1, [1], Modality="SR", SOPClassUID=STRUCTURED_REPORT),
            *series(3, [1, 2, 3]),
            *series(2, [1, 2, 3], Modality="MR"),
        ]
    )
    ref = await (await representatives(pacs)).of("east", RetrieveScope(STUDY))
    assert ref.sop_instance_uid == f"{STUDY}.2.48"
    assert pacs.calls == {"find": 2}


async def test_images_go_before_what_lies_among_them() -> None:
    pacs = MemoryPacs([*series(1, [1, 2, 3], SOPClassUID=STRUCTURED_REPORT), *series(1, [9])])
    ref = await (await representatives(pacs)).of("east", RetrieveScope(STUDY, f"{STUDY}.1"))
    assert ref.sop_instance_uid == f"{STUDY}.1.41"


async def test_without_images_there_is_still_something_to_report() -> None:
    pacs = MemoryPacs(series(1, [1, 2, 3], Modality="SR", SOPClassUID=STRUCTURED_REPORT))
    ref = await (await representatives(pacs)).of("east", RetrieveScope(STUDY))
    assert ref.sop_instance_uid == f"{STUDY}.1.48"


async def test_what_is_not_there_and_what_can_not_be_reported_are_different() -> None:
    pacs = MemoryPacs(series(1, [1]))
    found = await representatives(pacs)
    with pytest.raises(ObjectNotFoundError):
        await found.of("east", RetrieveScope("2.25.9"))
    pacs.refuse_with = PacsUnreachableError("no connection", pacs="memory")
    with pytest.raises(PacsUnreachableError):
        await found.of("east", RetrieveScope("2.25.8"))


@pytest.mark.parametrize(
    ("leaf", "expected"),
    [
        ("2", True),
        ("7.4", True),
        ("66.4", True),
        ("481.1", True),
        ("481.2", True),
        ("481.3", False),
        ("66", False),
        ("11.1", False),
        ("104.1", False),
        ("88.59", False),
        ("9.1.1", False),
    ],
)
def test_which_classes_can_have_pixels(leaf: str, expected: bool) -> None:
    assert may_have_images(f"1.2.840.10008.5.1.4.1.1.{leaf}") is expected


def test_a_class_that_is_not_known_can_have_pixels() -> None:
    assert may_have_images("")
    assert may_have_images("1.3.46.670589.1")
