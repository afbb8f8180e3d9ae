"""All faults, one after the other, as a table for docs/operations/drills.md."""

import argparse
import warnings
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.cluster.wire import two_machines
from tests.drill.machines.clients import Outcome
from tests.drill.machines.faults import FAULTS
from tests.drill.machines.running import TENANTS, Round, cluster_with, drill
from tests.drill.machines.studies import make_studies

COLUMNS = ("lost", "while it was away", "once it was back", "normal after", "what was not right")
STUDIES, INSTANCES = 12, 12


def main() -> None:
    """Start a cluster, lose one part after the other, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.drill.machines", description=__doc__)
    parser.add_argument("--seconds", type=float, default=15, help="for which each part is away")
    parser.add_argument("--clients", type=int, default=50, help="that read at the same time")
    parser.add_argument("names", nargs="*", default=list(FAULTS), metavar="PART", help=", ".join(FAULTS))
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")  # of answers that doubt something: they are compared byte by byte
    studies = make_studies(STUDIES, INSTANCES)
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    rounds = []
    with (
        TemporaryDirectory() as folder,
        two_machines() as wire,
        cluster_with(Path(folder), studies, wire) as cluster,
    ):
        for name in chosen.names:
            rounds.append(drill(cluster, studies, name, seconds=chosen.seconds, clients=chosen.clients))
            print(row(rounds[-1]), flush=True)
        for tenant in TENANTS:
            print(cluster.front.cli("audit", "verify", "--tenant", tenant))
    if defects := {one.name: dict(one.defects) for one in rounds if one.defects}:
        raise SystemExit(f"some answers were wrong, or failed by a defect: {defects}")


def row(found: Round) -> str:
    """One line of the table."""
    reasons = ", ".join(f"{count} {reason}" for reason, count in found.reasons.most_common(5))
    cells = (found.name, _counts(found.away), _counts(found.back), f"{found.normal_after_s:.1f} s", reasons)
    return f"| {' | '.join(cells)} |"


def _counts(outcomes: Counter[Outcome]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))


if __name__ == "__main__":
    main()
