"""Writing lines of log, and counting them."""

import logging
from collections import Counter
from typing import TextIO

from radgate_server.adapters.telemetry.logs.sampling import LogSampler


class CountingHandler(logging.StreamHandler[TextIO]):
    """Counts the lines that it writes."""

    def __init__(self, stream: TextIO, sampler: LogSampler) -> None:
        super().__init__(stream)
        self.addFilter(sampler)
        self.sampler = sampler
        self.written: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        super().emit(record)
        self.written[record.levelname.lower()] += 1


def log_counts() -> tuple[dict[str, int], int]:
    """Lines that were written, by level, and how many were left out, since logging was set up."""
    handlers = [handler for handler in logging.getLogger().handlers if isinstance(handler, CountingHandler)]
    written: Counter[str] = Counter()
    for handler in handlers:
        written += handler.written
    return dict(written), sum(handler.sampler.left_out for handler in handlers)
