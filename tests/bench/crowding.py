"""What the machine itself loses when several processors work: virtual ones may be two threads of one core."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from statistics import mean

_SECONDS = 1.0
_ENTRIES = 2000
_BYTES = bytes(1 << 20)


def crowding(processors: Sequence[int]) -> float:
    """How many times the processor time a loop of Python takes when each runs it, as when the first one alone does."""
    with ProcessPoolExecutor(len(processors), mp_context=get_context("spawn")) as pool:
        list(pool.map(partial(_spent_s, seconds=0.1), processors))  # all are started
        alone_s = pool.submit(_spent_s, processors[0], _SECONDS).result()
        together_s = mean(pool.map(partial(_spent_s, seconds=_SECONDS), processors))
    return together_s / alone_s


def _spent_s(processor: int, seconds: float) -> float:
    """Processor time of a round of the loop: objects are made, and a megabyte is copied."""
    os.sched_setaffinity(0, [processor])
    rounds, spent_s, end_s = 0, time.process_time(), time.perf_counter() + seconds
    while time.perf_counter() < end_s:
        rounds += len({number: str(number) for number in range(_ENTRIES)}) * len(bytearray(_BYTES)) > 0
    return (time.process_time() - spent_s) / rounds
