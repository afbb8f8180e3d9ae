"""How long after an invalidation at one server the other has dropped the study.

`python -m tests.bench.invalidation [--rounds 40]` starts two servers on one PostgreSQL, and prints the seconds from the
answer of the one that was asked to the first look at the other that finds the instance gone.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import httpx

from radgate_server.core.access.tenancy import Role
from tests.e2e.counting_pacs import SLICES, STUDY, CountingPacs
from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.studies import EAST
from tests.e2e.two_servers import read, two_servers


def measured(rounds: int) -> list[float]:
    """Seconds, one for each round."""
    with (
        tempfile.TemporaryDirectory() as folder,
        CountingPacs(pause_s=0) as pacs,
        two_servers(Path(folder), pacs, role=Role.OPERATOR) as (first, second),
        first.client(EAST) as asked,
        second.client(EAST) as other,
    ):
        return [_round(asked, other, second) for _ in range(rounds)]


def _round(asked: httpx.Client, other: httpx.Client, server: RadgateProcess) -> float:
    read(server)
    while _cached_at(other) != SLICES:
        time.sleep(0.01)
    asked.post("/api/v1/admin/cache/invalidate", json={"studyInstanceUid": STUDY}).raise_for_status()
    answered = time.monotonic()
    while _cached_at(other):
        time.sleep(0.005)
    return time.monotonic() - answered


def _cached_at(web: httpx.Client) -> int:
    """Instances on the server's disk."""
    tiers = web.get("/api/v1/admin/cache/stats").raise_for_status().json()["tiers"]
    return sum(int(tier.get("entries", 0)) for tier in tiers if tier["tier"] == "CACHE_TIER_WARM")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    seconds = measured(parser.parse_args().rounds)
    print(f"median {statistics.median(seconds):.2f} s, longest {max(seconds):.2f} s of {len(seconds)}")


if __name__ == "__main__":
    main()
