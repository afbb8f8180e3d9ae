from math import inf

from hypothesis import given
from hypothesis import strategies as st

from radgate_server.services.pacs.resilience.backoff import Backoff

BACKOFF = Backoff(max_retries=3, first_s=0.5, longest_s=1.5)


def longest(_: float, high: float) -> float:
    return high


def test_the_ceiling_doubles_up_to_a_bound() -> None:
    assert [BACKOFF.ceiling_s(retry) for retry in range(4)] == [0.5, 1.0, 1.5, 1.5]
    assert BACKOFF.ceiling_s(10**9) == 1.5


def test_there_is_an_end_to_it() -> None:
    delays = [BACKOFF.delay_s(retry, remaining_s=inf, uniform=longest) for retry in range(5)]
    assert delays == [0.5, 1.0, 1.5, None, None]


def test_a_wait_that_goes_beyond_the_deadline_is_no_wait() -> None:
    assert BACKOFF.delay_s(0, remaining_s=0.5, uniform=longest) is None
    assert BACKOFF.delay_s(0, remaining_s=0.51, uniform=longest) == 0.5
    assert BACKOFF.delay_s(0, remaining_s=-1, uniform=lambda low, _: low) is None


@given(retry=st.integers(0, 50), remaining_s=st.floats(-5, 50), chance=st.floats(0, 1))
def test_every_wait_lies_between_nothing_and_the_ceiling(retry: int, remaining_s: float, chance: float) -> None:
    backoff = Backoff(max_retries=40)
    delay_s = backoff.delay_s(retry, remaining_s=remaining_s, uniform=lambda low, high: low + chance * (high - low))
    if delay_s is not None:
        assert retry < 40
        assert 0 <= delay_s <= backoff.ceiling_s(retry)
        assert delay_s < remaining_s
