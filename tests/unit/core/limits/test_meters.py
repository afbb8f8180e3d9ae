from hypothesis import given
from hypothesis import strategies as st

from radgate_server.core.limits.meters import DailyUse, Meter, Policy, Today, Used
from radgate_server.core.limits.model import Limits, LimitSubject
from radgate_server.lib.token_bucket import TokenBucket

TODAY = Today(739_000, 3600.0)
TOMORROW = Today(739_001, 86_400.0)


def meter(**limits: float) -> Meter:
    made = Meter(LimitSubject("east", "key"))
    made.change(Limits(**limits), 0.0)  # type: ignore[arg-type]
    return made


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = TokenBucket(2, 3, 0)
    assert [bucket.take(0) for _ in range(3)] == [0, 0, 0]
    assert bucket.wait_s(0) == 0.5
    assert bucket.wait_s(0.5) == 0
    assert bucket.take(0.5) == 0
    assert bucket.wait_s(0.5) == 0.5
    assert bucket.level(100) == 3


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 5)), max_size=60))
def test_no_bucket_ever_gives_more_than_its_burst_and_what_came_in(steps: list[tuple[float, int]]) -> None:
    bucket, now_s, given_out = TokenBucket(2, 3, 0), 0.0, 0
    for passed_s, tokens in steps:
        now_s += passed_s
        if not bucket.wait_s(now_s, tokens):
            bucket.take(now_s, tokens)
            given_out += tokens
        assert given_out <= 3 + 2 * now_s + 1e-3


def test_who_takes_more_than_there_is_waits_until_it_is_paid() -> None:
    bucket = TokenBucket(100, 100, 0)
    assert bucket.take(0, 100) == 0
    assert bucket.take(0, 50) == 0.5
    assert bucket.take(0, 50) == 1
    assert bucket.take(1, 50) == 0.5


def test_what_other_servers_took_is_a_debt_and_what_was_taken_meanwhile_is_counted_once() -> None:
    bucket = TokenBucket(10, 10, 0)
    bucket.take(0, 4)
    reported = bucket.taken
    bucket.take(0, 2)  # while the answer was in transit
    bucket.settle(0, 1, reported)  # the others took 5
    assert (bucket.level(0), bucket.taken) == (-1, 2)
    bucket.discard_report(2)
    assert bucket.taken == 0


def test_what_is_claimed_is_taken_if_it_is_there() -> None:
    bucket = TokenBucket(4, 2, 0)
    assert [bucket.claim(0) for _ in range(3)] == [0, 0, 0.25]
    assert (bucket.taken, bucket.left) == (2, 0)
    assert bucket.claim(0.25) == 0
    assert bucket.claim(100) == 0
    assert bucket.left == 1


@given(st.lists(st.tuples(st.floats(0, 5), st.booleans()), max_size=60))
def test_claiming_is_looking_and_taking_in_one(steps: list[tuple[float, bool]]) -> None:
    one, other, now_s = TokenBucket(2, 3, 0), TokenBucket(2, 3, 0), 0.0
    for passed_s, in_debt in steps:
        now_s += passed_s
        if in_debt:
            assert one.take(now_s, 2) == other.take(now_s, 2)
        wait_s = other.wait_s(now_s)
        if not wait_s:
            other.take(now_s)
        assert one.claim(now_s) == wait_s
        assert (one.left, one.taken) == (other.left, other.taken)


def test_a_rate_says_when_to_come_again() -> None:
    counted = meter(requests_per_second=4, burst_requests=2)
    for _ in range(2):
        assert counted.enter(0, TODAY) is None
    assert counted.enter(0, TODAY) == (Policy.RATE, 2, 0.5, 0.25)
    assert counted.enter(0.25, TODAY) is None
    assert counted.running == 3


def test_as_many_run_as_have_slots() -> None:
    counted = meter(concurrent_requests=3)
    counted.slots = 1
    assert counted.enter(0, TODAY) is None
    shortage = counted.enter(0, TODAY)
    assert shortage == (Policy.CONCURRENCY, 3, None, 0)
    assert shortage.unreserved
    counted.running -= 1
    assert counted.enter(0, TODAY) is None


def test_no_slot_is_wanted_where_as_many_run_as_may_anywhere() -> None:
    counted = meter(concurrent_requests=1)
    counted.slots = 1
    assert counted.enter(0, TODAY) is None
    shortage = counted.enter(0, TODAY)
    assert shortage == (Policy.CONCURRENCY, 1, None, None)
    assert not shortage.unreserved


def test_a_day_is_over_at_midnight() -> None:
    counted = meter(daily_requests=1, daily_bytes=100)
    assert counted.enter(0, TODAY) is None
    assert counted.enter(0, TODAY) == (Policy.DAILY_REQUESTS, 1, 86_400, 3600)
    counted.pass_bytes(0, TOMORROW, 100)
    assert counted.enter(0, TOMORROW) == (Policy.DAILY_BYTES, 100, 86_400, 86_400)
    assert counted.used == DailyUse(TOMORROW.day, new_bytes=100)


def test_what_is_not_let_in_or_taken_back_uses_up_nothing() -> None:
    counted = meter(requests_per_second=4, concurrent_requests=1, daily_requests=9)
    assert counted.enter(0, TODAY) is None
    for _ in range(5):
        assert counted.enter(0, TODAY) == (Policy.CONCURRENCY, 1, None, None)
    assert counted.rate is not None
    assert (counted.rate.left, counted.rate.taken, counted.used.requests) == (3, 1, 1)
    counted.take_back(0)
    assert (counted.rate.left, counted.rate.taken, counted.used.requests, counted.running) == (4, 0, 0, 0)


def test_bytes_wait_and_are_never_refused() -> None:
    counted = meter(bytes_per_second=65536)
    assert counted.pass_bytes(0, TODAY, 65536) == 0
    assert counted.pass_bytes(0, TODAY, 65536) == 1
    assert counted.enter(0, TODAY) is None


def test_a_change_keeps_what_runs_and_what_was_used_and_buckets_that_stay() -> None:
    counted = meter(requests_per_second=1, daily_requests=5)
    assert counted.enter(0, TODAY) is None
    counted.change(Limits(requests_per_second=1, daily_requests=1), 0)
    assert (counted.running, counted.used.requests) == (1, 1)
    assert counted.enter(0, TODAY) is not None
    counted.change(Limits(), 0)
    assert not counted.holds
    assert counted.running == 1


def test_what_all_servers_wrote_down_is_learnt_and_nothing_is_counted_twice() -> None:
    used = DailyUse(5, new_requests=3, new_bytes=30)
    written = used.unwritten(5)
    used.new_requests += 1  # while it was being written
    used.new_bytes += 10
    used.learn(5, written, Used(10, 100))
    assert (used.requests, used.bytes) == (11, 110)
    assert used.unwritten(5) == Used(1, 10)
    used.learn(4, Used(1, 10), Used(99, 99))  # yesterday's answer comes late
    assert used.requests == 11
    assert used.unwritten(6) == Used()


def test_a_day_begins_at_midnight_of_utc() -> None:
    assert Today.of(0, 7) == (719_163, 86_407)
    assert Today.of(86_399.5, 7) == (719_163, 7.5)


def test_none_is_let_in_while_what_waits_for_the_bandwidth_would_wait_too_long() -> None:
    slow = meter(bytes_per_second=65536, requests_per_second=1)
    assert slow.enter(0, TODAY, 10) is None
    slow.pass_bytes(0, TODAY, 16 * 65536)
    assert slow.enter(1, TODAY, 10) == (Policy.BANDWIDTH, 65536, 1, 4)
    assert slow.enter(4, TODAY, 10) == (Policy.BANDWIDTH, 65536, 1, 1)
    assert slow.enter(5, TODAY, 10) is None
