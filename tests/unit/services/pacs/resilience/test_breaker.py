from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from radgate_server.core.pacs.health import BreakerState
from radgate_server.services.pacs.resilience.breaker import PROBE_WAIT_S, Breaker, BreakerPolicy, Ticket
from radgate_server.services.pacs.resilience.operations import Verdict

FAILURES, OPEN_S = 3, 10.0
CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
ANSWERED, FAILED, UNKNOWN = Verdict.ANSWERED, Verdict.FAILED, Verdict.UNKNOWN


@dataclass
class Bench:
    """A breaker, the time, and the states that it reported."""

    failures: int | None = FAILURES
    now_s: float = 100.0
    states: list[BreakerState] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.breaker = Breaker(BreakerPolicy(self.failures, OPEN_S), self.states.append)

    def enter(self) -> Ticket:
        ticket = self.breaker.enter(self.now_s)
        assert ticket is not None
        return ticket

    def call(self, *verdicts: Verdict) -> None:
        for verdict in verdicts:
            self.breaker.record(self.enter(), verdict, self.now_s)

    def refused(self) -> bool:
        return self.breaker.enter(self.now_s) is None


def opened() -> Bench:
    bench = Bench()
    bench.call(*[FAILED] * FAILURES)
    return bench


def test_failures_in_a_row_open_it() -> None:
    bench = Bench()
    bench.call(FAILED, FAILED, ANSWERED, FAILED, FAILED)
    assert (bench.breaker.state, bench.breaker.consecutive_failures) == (CLOSED, 2)
    bench.call(FAILED)
    assert (bench.breaker.state, bench.breaker.consecutive_failures) == (OPEN, 3)
    assert bench.refused()
    assert bench.breaker.refusal_s(bench.now_s + 4) == OPEN_S - 4


def test_what_says_nothing_of_the_pacs_counts_neither_way() -> None:
    bench = Bench()
    bench.call(FAILED, UNKNOWN, FAILED, UNKNOWN, FAILED)
    assert bench.breaker.state is OPEN


def test_one_call_tries_and_an_answer_closes_it() -> None:
    bench = opened()
    bench.now_s += OPEN_S
    ticket = bench.enter()
    assert bench.refused()
    assert bench.breaker.refusal_s(bench.now_s) == PROBE_WAIT_S
    bench.breaker.record(ticket, ANSWERED, bench.now_s)
    bench.call(ANSWERED)
    assert bench.breaker.consecutive_failures == 0
    assert bench.states == [OPEN, HALF_OPEN, CLOSED]


def test_each_failure_of_the_one_that_tries_doubles_the_open_time_up_to_a_bound() -> None:
    bench = opened()
    waits = []
    for _ in range(12):
        wait_s = bench.breaker.refusal_s(bench.now_s)
        assert wait_s is not None
        waits.append(wait_s / OPEN_S)
        bench.now_s += wait_s
        bench.call(FAILED)
    assert waits == [1, 2, 4] + [8] * 9
    bench.now_s += 8 * OPEN_S
    bench.call(ANSWERED, *[FAILED] * FAILURES)
    assert bench.breaker.refusal_s(bench.now_s) == OPEN_S


def test_one_that_tries_and_is_given_up_lets_the_next_one_try() -> None:
    bench = opened()
    bench.now_s += OPEN_S
    bench.call(UNKNOWN)
    assert bench.breaker.state is HALF_OPEN
    late = bench.enter()
    bench.breaker.record(late, ANSWERED, bench.now_s)
    assert bench.states == [OPEN, HALF_OPEN, CLOSED]


def test_calls_begun_before_it_opened_change_nothing_when_they_end() -> None:
    bench = Bench()
    early = [bench.enter() for _ in range(FAILURES + 2)]
    for ticket in early[:FAILURES]:
        bench.breaker.record(ticket, FAILED, bench.now_s)
    bench.now_s += OPEN_S
    probe = bench.enter()
    bench.breaker.record(early[-1], FAILED, bench.now_s)
    bench.breaker.record(early[-2], ANSWERED, bench.now_s)
    assert bench.breaker.state is HALF_OPEN
    assert bench.refused()
    bench.breaker.record(probe, ANSWERED, bench.now_s)
    assert bench.breaker.state is CLOSED


def test_the_first_answer_of_a_long_call_lets_others_pass_and_its_end_still_counts() -> None:
    bench = opened()
    bench.now_s += OPEN_S
    ticket = bench.breaker.confirm_alive(bench.enter())
    assert bench.breaker.state is CLOSED
    bench.breaker.record(ticket, FAILED, bench.now_s)
    assert (bench.breaker.state, bench.breaker.consecutive_failures) == (CLOSED, 1)


def test_vouching_changes_nothing_while_closed() -> None:
    bench = Bench()
    bench.call(FAILED)
    ticket = bench.enter()
    assert bench.breaker.confirm_alive(ticket) == ticket
    assert bench.breaker.consecutive_failures == 1


def test_a_sign_of_life_shortens_the_wait_and_nothing_more() -> None:
    bench = opened()
    bench.breaker.try_soon(bench.now_s)
    assert bench.breaker.state is OPEN
    bench.call(FAILED)
    assert bench.breaker.refusal_s(bench.now_s) == 2 * OPEN_S


def test_one_that_never_opens_counts_all_the_same() -> None:
    bench = Bench(failures=None)
    bench.call(*[FAILED] * 50)
    assert (bench.breaker.state, bench.breaker.consecutive_failures, bench.states) == (CLOSED, 50, [])


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("advance"), st.floats(0, 2 * OPEN_S)),
        st.tuples(st.just("enter"), st.just(None)),
        st.tuples(st.just("end"), st.tuples(st.integers(0, 99), st.sampled_from([*Verdict, *[FAILED] * 9]))),
        st.tuples(st.just("sign"), st.just(None)),
    ),
    max_size=120,
)


@given(STEPS)
def test_whatever_happens_in_whatever_order(steps: list[tuple[str, object]]) -> None:
    bench, in_progress = Bench(), list[Ticket]()
    for step, argument in steps:
        before = bench.breaker.state
        match step, argument:
            case "advance", float(seconds):
                bench.now_s += seconds
            case "sign", _:
                bench.breaker.try_soon(bench.now_s)
            case "end", (int(number), Verdict() as verdict) if in_progress:
                failures = bench.breaker.consecutive_failures
                bench.breaker.record(in_progress.pop(number % len(in_progress)), verdict, bench.now_s)
                if before is CLOSED and bench.breaker.state is OPEN:
                    assert (verdict, failures) == (FAILED, FAILURES - 1)
            case "enter", _:
                refusal_s = bench.breaker.refusal_s(bench.now_s)
                ticket = bench.breaker.enter(bench.now_s)
                assert (ticket is None) == (refusal_s is not None)
                assert before is not CLOSED or ticket is not None
                if ticket is not None:
                    in_progress.append(ticket)
        waits_s = bench.breaker.refusal_s(bench.now_s)
        assert waits_s is None or 0 < waits_s <= 8 * OPEN_S
        assert bench.breaker.state is not CLOSED or bench.breaker.consecutive_failures < FAILURES
    # It is never stuck: once all calls have ended and time has passed, one may try, and its answer closes it.
    for ticket in in_progress:
        bench.breaker.record(ticket, UNKNOWN, bench.now_s)
    bench.now_s += 8 * OPEN_S
    bench.call(ANSWERED)
    assert bench.breaker.state is CLOSED


@given(st.lists(st.sampled_from(Verdict), max_size=40))
def test_while_half_open_at_most_one_call_is_in_progress(verdicts: list[Verdict]) -> None:
    bench = opened()
    for verdict in verdicts:
        bench.now_s += 8 * OPEN_S
        if bench.breaker.state is CLOSED:
            bench.call(*[FAILED] * FAILURES)
            continue
        ticket = bench.enter()
        assert bench.breaker.state is HALF_OPEN
        assert bench.refused()
        bench.breaker.record(ticket, verdict, bench.now_s)
        assert bench.breaker.state is {ANSWERED: CLOSED, FAILED: OPEN, UNKNOWN: HALF_OPEN}[verdict]
