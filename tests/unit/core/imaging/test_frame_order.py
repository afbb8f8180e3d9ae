"""Which frame goes next."""

from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.imaging.frame_order import FrameOrder, Part


def refs(series: str, count: int) -> list[InstanceRef]:
    return [InstanceRef("1", series, f"{series}.{number}") for number in range(1, count + 1)]


A, B = refs("1.1", 5), refs("1.2", 3)


def arrived(order: FrameOrder, *instances: InstanceRef, frames: int = 1) -> None:
    """Instances that are there, their frames counted."""
    for ref in instances:
        order.opened(ref, frames)


def drain(order: FrameOrder, *, defer: bool = False) -> list[tuple[str, int, Part]]:
    steps = []
    while step := order.next():
        steps.append((step.ref.sop_instance_uid, step.frame_number, step.part))
        if defer and step.part is Part.FIRST:
            order.defer_rest(step.ref, step.frame_number)
    return steps


def first(series: str, *numbers: int) -> list[tuple[str, int, Part]]:
    return [(f"{series}.{number}", 1, Part.FIRST) for number in numbers]


def rest(series: str, *numbers: int) -> list[tuple[str, int, Part]]:
    return [(f"{series}.{number}", 1, Part.REST) for number in numbers]


def test_of_two_instances_as_near_the_one_shown_earlier_goes_first_whichever_arrived_first() -> None:
    order = FrameOrder(A)
    arrived(order, *reversed(A))
    assert drain(order) == first("1.1", 3, 2, 4, 1, 5)


def test_the_middle_of_a_series_goes_first_and_then_its_neighbours_outwards() -> None:
    order = FrameOrder(A)
    arrived(order, *A)
    assert drain(order) == first("1.1", 3, 2, 4, 1, 5)


def test_a_low_resolution_of_all_goes_before_the_rest_of_any() -> None:
    order = FrameOrder([*A, *B])
    arrived(order, *B, *A)
    assert drain(order, defer=True) == [
        *first("1.1", 3, 2, 4, 1, 5),
        *first("1.2", 2, 1, 3),
        *rest("1.1", 3, 2, 4, 1, 5),
        *rest("1.2", 2, 1, 3),
    ]


def test_frames_of_a_multi_frame_instance_go_from_the_middle_outwards() -> None:
    order = FrameOrder(A[:1])
    arrived(order, A[0], frames=4)
    assert [number for _, number, _ in drain(order)] == [2, 3, 1, 4]


def test_an_instance_is_opened_when_its_turn_comes() -> None:
    order = FrameOrder(A)
    for ref in A:
        order.arrive(ref)
    assert [(sop, part) for sop, _, part in drain(order)] == [(f"1.1.{n}", Part.OPEN) for n in (3, 2, 4, 1, 5)]


def test_a_series_that_is_wanted_goes_before_others() -> None:
    order = FrameOrder([*A, *B])
    arrived(order, *A, *B)
    assert order.rank("1.1") < order.rank("1.2")
    assert order.prioritize("1.2")
    assert order.rank("1.2") < order.rank("1.1")
    assert drain(order) == [*first("1.2", 2, 1, 3), *first("1.1", 3, 2, 4, 1, 5)]


def test_a_wanted_instance_is_the_new_middle_also_of_what_arrives_later() -> None:
    order = FrameOrder(A)
    arrived(order, *A[:3])
    assert order.prioritize("1.1", "1.1.5")
    assert drain(order) == first("1.1", 3, 2, 1)
    arrived(order, *A[3:])
    assert drain(order) == first("1.1", 5, 4)


def test_what_is_wanted_whole_goes_before_low_resolutions_of_others_with_its_rest() -> None:
    order = FrameOrder([*A, *B])
    arrived(order, *A, *B)
    step = order.next()
    assert step is not None
    order.defer_rest(step.ref, step.frame_number)
    assert order.prioritize("1.1", whole=True)
    assert order.wants_whole(A[0])
    assert not order.wants_whole(B[0])
    steps = drain(order)
    assert steps[0] == ("1.1.3", 1, Part.REST)
    assert steps[:5] == [*rest("1.1", 3), *first("1.1", 2, 4, 1, 5)]


def test_the_last_priority_counts() -> None:
    order = FrameOrder([*A, *B])
    arrived(order, *A, *B)
    assert order.prioritize("1.2")
    assert order.prioritize("1.1")
    assert drain(order)[0] == first("1.1", 3)[0]


def test_what_is_not_part_of_the_stream_can_not_be_wanted() -> None:
    order = FrameOrder(A)
    assert not order.prioritize("9.9")
    assert not order.prioritize("1.1", "9.9.9")


def test_nothing_more_comes_of_what_was_dropped() -> None:
    order = FrameOrder(A)
    arrived(order, *A, frames=2)
    order.drop(A[2])
    assert len(order) == 8
    assert all(sop != "1.1.3" for sop, _, _ in drain(order))


def test_an_instance_that_was_not_listed_when_the_stream_opened_comes_last() -> None:
    order = FrameOrder(A[:2])
    late = A[4]
    for ref in (late, *A[:2]):
        order.arrive(ref)
    assert [sop for sop, _, _ in drain(order)] == ["1.1.1", "1.1.2", "1.1.5"]
