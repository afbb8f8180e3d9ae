"""A server that hangs while it fetches a study for two holds nobody up for long."""

import os
import signal
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.counting_pacs import CountingPacs
from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.two_servers import read, two_servers
from tests.e2e.waiting import wait_for

pytestmark = pytest.mark.slow


def test_a_holder_that_hangs_costs_seconds(tmp_path: Path) -> None:
    with CountingPacs() as pacs, two_servers(tmp_path, pacs) as (holder, other):
        read_by_other, took_s = _hang(holder, other, pacs)
        assert read_by_other == {str(one.SOPInstanceUID): one.PixelData for one in pacs.held}
        assert took_s < 60  # it was 120 s and more
        assert other.metric("radgate_study_takeovers_total") == 1


def _hang(holder: RadgateProcess, other: RadgateProcess, pacs: CountingPacs) -> tuple[Mapping[str, bytes], float]:
    """Stop the holder while the other has a part from it; what the other reads, and the seconds from then on."""
    pacs.pause_s = 0.1
    with ThreadPoolExecutor(2) as threads:
        threads.submit(read, holder)
        wait_for(lambda: pacs.gets, "the first server fetches it")
        reader = threads.submit(read, other)
        wait_for(lambda: other.metric("radgate_peer_instances_total") >= 3, "the other has some of it")
        os.kill(holder.pid, signal.SIGSTOP)
        stopped_s = time.monotonic()
        try:
            return reader.result(), time.monotonic() - stopped_s
        finally:
            os.kill(holder.pid, signal.SIGCONT)
