from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radgate_server.services.pacs.resilience.admission import Admission, QueueKey, Reservation, Urgency, reserved

ENDPOINT = "pacs:104"
SEARCH, LISTING, TRANSFER, BACKGROUND = Urgency


def queue_key(
    tenant_id: str = "east",
    pacs: str = "main",
    *,
    endpoint: str = ENDPOINT,
    connections: int = 100,
    urgency: Urgency = TRANSFER,
) -> QueueKey:
    return QueueKey(endpoint, tenant_id, pacs, connections, urgency)


def fill(admission: Admission, who: QueueKey, count: int) -> list[Reservation]:
    return [admission.enter(admission.queue(who)) for _ in range(count)]


def admitted(turns: list[Reservation]) -> int:
    return sum(reservation.admitted for reservation in turns)


def drain(admission: Admission, running: list[Reservation], rounds: int) -> list[Reservation]:
    """Who gets in as one after the other leaves, in order."""
    order = []
    for _ in range(rounds):
        let_in = admission.leave(running.pop(0))
        order += let_in
        running += let_in
    return order


@pytest.mark.parametrize(
    ("limit", "by_listings", "by_transfers", "in_background"),
    [
        (1, 0, 0, 1),
        (2, 0, 1, 1),
        (3, 1, 1, 1),
        (4, 1, 1, 1),
        (5, 1, 2, 1),
        (8, 1, 2, 2),
        (16, 2, 4, 4),
        (1000, 125, 250, 250),
    ],
)
def test_a_share_is_left_to_what_is_more_urgent(
    limit: int, by_listings: int, by_transfers: int, in_background: int
) -> None:
    kept = [reserved(limit, urgency) for urgency in Urgency]
    assert kept == [0, by_listings, by_transfers, limit - in_background]


def test_an_endpoint_has_so_many_at_the_same_time_whoever_they_are() -> None:
    admission = Admission(per_endpoint=8, per_tenant=100)
    assert admitted(fill(admission, queue_key("east"), 4) + fill(admission, queue_key("west"), 4)) == 6
    assert admitted(fill(admission, queue_key("west", urgency=SEARCH), 4)) == 2
    assert admitted(fill(admission, queue_key("west", endpoint="other:104"), 4)) == 4


def test_several_servers_keep_to_one_limit_together() -> None:
    servers = [Admission(per_endpoint=9, per_tenant=8) for _ in range(2)]
    running = [fill(admission, queue_key(connections=8, urgency=SEARCH), 20) for admission in servers]
    assert [admitted(turns) for turns in running] == [8, 8]
    assert [admission.share(2) for admission in servers] == [[], []]
    for admission, turns in zip(servers, running, strict=True):
        in_progress = [reservation for reservation in turns if reservation.admitted]
        assert drain(admission, in_progress, 4) == []
        assert len(drain(admission, in_progress, 1)) == 1
    assert admitted(fill(servers[0], queue_key("west", endpoint="new", urgency=SEARCH), 9)) == 4


def test_who_is_left_alone_has_the_whole_limit_again() -> None:
    admission = Admission(per_endpoint=100, per_tenant=100)
    assert admission.share(3) == []
    waiting = fill(admission, queue_key(connections=6, urgency=SEARCH), 8)
    assert admitted(waiting) == 2
    assert len(admission.share(1)) == 4
    assert admitted(waiting) == 6


def test_each_server_has_a_place_at_a_pacs_of_one() -> None:
    admission = Admission(per_endpoint=1, per_tenant=1)
    admission.share(4)
    assert admitted(fill(admission, queue_key(connections=1), 2)) == 1


def test_a_tenant_has_so_many_at_all_its_pacs() -> None:
    admission = Admission(per_endpoint=100, per_tenant=4)
    assert (
        admitted(fill(admission, queue_key(pacs="main"), 2) + fill(admission, queue_key(pacs="b", endpoint="b"), 2))
        == 3
    )
    assert admitted(fill(admission, queue_key("west"), 3)) == 3


def test_a_pacs_has_as_many_as_it_has_connections() -> None:
    admission = Admission(per_endpoint=100, per_tenant=100)
    assert admitted(fill(admission, queue_key(connections=1), 3)) == 1
    assert admitted(fill(admission, queue_key("west", connections=4), 5)) == 3


def test_a_query_passes_by_long_retrieves() -> None:
    admission = Admission(per_endpoint=4, per_tenant=100)
    assert admitted(fill(admission, queue_key(), 10)) == 3
    query = admission.enter(admission.queue(queue_key(urgency=SEARCH)))
    assert query.admitted
    assert admission.leave(query) == []


def test_a_search_finds_a_place_beside_a_flood_of_retrieves_and_their_listings() -> None:
    admission = Admission(per_endpoint=16, per_tenant=32)
    transfers = fill(admission, queue_key(connections=5), 200)
    listings = fill(admission, queue_key(connections=5, urgency=LISTING), 200)
    assert (admitted(transfers), admitted(listings)) == (3, 1)
    assert admission.enter(admission.queue(queue_key(connections=5, urgency=SEARCH))).admitted


def test_searches_go_before_listings_and_listings_before_transfers() -> None:
    admission = Admission(per_endpoint=16, per_tenant=32)
    running = fill(admission, queue_key(connections=5, urgency=SEARCH), 10)[:5]
    for urgency in (TRANSFER, LISTING):
        fill(admission, queue_key(connections=5, urgency=urgency), 3)
    order = [reservation.queue.queue_key.urgency.name[0] for reservation in drain(admission, running, 11)]
    # A class that has no place at all goes first; here the operations end in the order in which they began.
    assert "".join(order) == "TLSSSTLSSLT"


def test_who_waits_for_a_full_pacs_holds_nothing_of_another() -> None:
    admission = Admission(per_endpoint=2, per_tenant=8)
    fill(admission, queue_key(urgency=SEARCH), 50)
    assert admitted(fill(admission, queue_key(pacs="other", endpoint="other", urgency=SEARCH), 2)) == 2


def test_first_come_is_first_served_within_a_queue() -> None:
    admission = Admission(per_endpoint=1, per_tenant=8)
    turns = fill(admission, queue_key(), 5)
    assert drain(admission, turns[:1], 4) == turns[1:]


def test_a_tenant_with_few_requests_does_not_wait_behind_one_with_many() -> None:
    admission = Admission(per_endpoint=1, per_tenant=100)
    running = fill(admission, queue_key("east"), 10)[:1]
    fill(admission, queue_key("west"), 3)
    order = [reservation.queue.queue_key.tenant_id for reservation in drain(admission, running, 8)]
    assert order == ["west", "east", "west", "east", "west", "east", "east", "east"]


@pytest.mark.parametrize("flood", [10, 1000])
def test_a_flood_delays_others_by_their_turn_and_not_by_its_length(flood: int) -> None:
    admission = Admission(per_endpoint=4, per_tenant=100)
    running = [reservation for reservation in fill(admission, queue_key("east"), flood) if reservation.admitted]
    late = [*fill(admission, queue_key("west"), 3), *fill(admission, queue_key("south"), 3)]
    order = [reservation.queue.queue_key.tenant_id for reservation in drain(admission, running, 9)]
    assert Counter(order) == {"west": 3, "south": 3, "east": 3}
    assert set(order[:2]) == {"west", "south"}
    assert admitted(late) == 6


def test_the_tenant_with_less_in_progress_goes_first() -> None:
    admission = Admission(per_endpoint=6, per_tenant=100)
    running = fill(admission, queue_key("east"), 10)[:4]
    fill(admission, queue_key("west"), 10)
    order = [reservation.queue.queue_key.tenant_id for reservation in drain(admission, running, 2)]
    assert order == ["west", "west"]


def test_retrieves_do_not_wait_for_ever_behind_queries() -> None:
    admission = Admission(per_endpoint=1, per_tenant=100)
    running = fill(admission, queue_key(urgency=SEARCH), 20)[:1]
    retrieve = admission.enter(admission.queue(queue_key()))
    assert retrieve in drain(admission, running, 2)


def test_background_transfers_go_when_nobody_else_can() -> None:
    admission = Admission(per_endpoint=1, per_tenant=100)
    running = fill(admission, queue_key(urgency=SEARCH), 1)
    fill(admission, queue_key(urgency=BACKGROUND), 2)
    for urgency in (TRANSFER, LISTING, SEARCH):
        fill(admission, queue_key(urgency=urgency), 2)
    order = [reservation.queue.queue_key.urgency for reservation in drain(admission, running, 8)]
    assert order[-2:] == [BACKGROUND, BACKGROUND]


def test_background_transfers_leave_searches_what_transfers_leave_them() -> None:
    admission = Admission(per_endpoint=4, per_tenant=100)
    transfers = fill(admission, queue_key(), 3)
    assert admitted(transfers) == 3
    assert admitted(fill(admission, queue_key(urgency=BACKGROUND), 1)) == 0
    assert admission.enter(admission.queue(queue_key(urgency=SEARCH))).admitted


@pytest.mark.parametrize("urgency", [SEARCH, LISTING, TRANSFER])
def test_a_background_transfer_gives_way_to_whoever_has_to_wait_for_its_place(urgency: Urgency) -> None:
    admission = Admission(per_endpoint=1, per_tenant=100)
    (running,) = fill(admission, queue_key(urgency=BACKGROUND), 1)
    (other,) = fill(admission, queue_key(endpoint="other", pacs="other", urgency=BACKGROUND), 1)
    fill(admission, queue_key("west", urgency=BACKGROUND), 1)
    assert not running.gives_way
    (waiting,) = fill(admission, queue_key("west", urgency=urgency), 1)
    assert (running.gives_way, other.gives_way, waiting.admitted) == (True, False, False)
    assert admission.leave(running) == [waiting]


def test_as_many_background_transfers_give_way_as_there_are_who_wait() -> None:
    admission = Admission(per_endpoint=8, per_tenant=100)
    background = fill(admission, queue_key(urgency=BACKGROUND), 3)
    assert admitted(background) == 2
    running = fill(admission, queue_key(urgency=SEARCH), 7)
    assert [each.gives_way for each in background] == [True, False, False]
    fill(admission, queue_key(urgency=SEARCH), 1)
    assert [each.gives_way for each in background] == [True, True, False]
    assert admitted(running) == 6


def test_a_background_transfer_gives_way_to_who_begins_to_wait_for_it_later() -> None:
    admission = Admission(per_endpoint=1, per_tenant=1)
    (elsewhere,) = fill(admission, queue_key(endpoint="other", pacs="other"), 1)
    (waiting,) = fill(admission, queue_key(), 1)  # for the tenant's one place
    (background,) = fill(admission, queue_key("west", urgency=BACKGROUND), 1)
    assert (background.admitted, background.gives_way) == (True, False)
    assert admission.leave(elsewhere) == []
    assert background.gives_way
    assert admission.leave(background) == [waiting]


def test_who_is_awaited_keeps_its_place_and_gives_way_no_more() -> None:
    admission = Admission(per_endpoint=1, per_tenant=100)
    (running,) = fill(admission, queue_key(urgency=BACKGROUND), 1)
    fill(admission, queue_key(urgency=SEARCH), 1)
    assert admission.move(running, admission.queue(queue_key())) == []
    assert (running.admitted, running.gives_way, running.queue.pacs.running_of) == (True, False, [0, 0, 1, 0])


def test_who_is_awaited_goes_before_those_who_are_not() -> None:
    admission = Admission(per_endpoint=1, per_tenant=100)
    (running,) = fill(admission, queue_key(urgency=SEARCH), 1)
    first, second = fill(admission, queue_key(urgency=BACKGROUND), 2)
    assert admission.move(second, admission.queue(queue_key())) == []
    assert (second.queue.pacs.waiting, admission.leave(running)) == (2, [second])
    assert admission.leave(second) == [first]


def test_who_is_awaited_is_admitted_where_background_transfers_are_not() -> None:
    admission = Admission(per_endpoint=4, per_tenant=100)
    _, waiting = fill(admission, queue_key(urgency=BACKGROUND), 2)
    assert not waiting.admitted
    assert admission.move(waiting, admission.queue(queue_key())) == [waiting]


def test_who_gives_up_is_not_admitted_and_nobody_else_waits_for_it() -> None:
    admission = Admission(per_endpoint=1, per_tenant=8)
    first, second, third = fill(admission, queue_key(), 3)
    assert admission.leave(second) == []
    assert admission.leave(first) == [third]
    assert not second.admitted


REQUESTS = st.builds(
    queue_key,
    st.sampled_from(["east", "west", "north"]),
    st.sampled_from(["main", "second"]),
    endpoint=st.sampled_from(["a", "b"]),
    connections=st.sampled_from([1, 3]),
    urgency=st.sampled_from(Urgency),
)


@given(
    per_endpoint=st.integers(1, 5),
    per_tenant=st.integers(1, 5),
    steps=st.lists(st.one_of(REQUESTS, st.integers(0, 999)), max_size=150),
)
def test_no_limit_is_passed_no_place_is_lost_and_nobody_waits_beside_a_free_one(
    per_endpoint: int, per_tenant: int, steps: list[QueueKey | int]
) -> None:
    admission = Admission(per_endpoint=per_endpoint, per_tenant=per_tenant)
    inside: list[Reservation] = []
    for step in steps:
        if isinstance(step, QueueKey):
            inside.append(admission.enter(admission.queue(step)))
        elif inside:
            admission.leave(inside.pop(step % len(inside)))
        running = [reservation.queue.queue_key for reservation in inside if reservation.admitted]
        assert max(Counter(who.endpoint for who in running).values(), default=0) <= per_endpoint
        assert max(Counter(who.tenant_id for who in running).values(), default=0) <= per_tenant
        pools = Counter((who.tenant_id, who.pacs, who.connections) for who in running)
        assert all(count <= connections for (_, _, connections), count in pools.items())
        assert not [reservation for reservation in inside if not reservation.admitted and reservation.queue.may_go()]
    for reservation in inside:
        admission.leave(reservation)
    for who in {step for step in steps if isinstance(step, QueueKey)}:
        reservation = admission.enter(admission.queue(who))
        assert reservation.admitted
        assert [capacity.running for capacity in reservation.queue.capacities] == [1] * 4
        assert reservation.queue.pacs.waiting == 0
        admission.leave(reservation)
