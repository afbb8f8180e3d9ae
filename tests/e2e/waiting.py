"""Waiting for what another process does, of which nobody reports us."""

import time
from collections.abc import Callable


def wait_for[T](condition: Callable[[], T | None], what: str, timeout_s: float = 30) -> T:
    """Ask until the answer is true; return it. Raises AssertionError when it takes longer than `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"after {timeout_s} seconds still not so: {what}"
        time.sleep(0.02)
    return answer
