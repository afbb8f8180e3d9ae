"""Many jobs while machines and workers are killed: none lost, none with double effect."""

import argparse
import signal
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.drill.jobs.installation import running_installation
from tests.drill.jobs.running import Found, drill

_NATS = {"with": (True,), "without": (False,), "both": (True, False)}
_HEAD = "| NATS | jobs | killed | begun more than once | C-GETs | lost | with double effect | time |"


def main() -> None:
    """Run them, print what became of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.drill.jobs", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000, help="1000 at most: of more, a tenant's oldest are forgotten")
    parser.add_argument("--kill-every", type=float, default=5, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=71)
    parser.add_argument("--nats", choices=tuple(_NATS), default="both")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is stopped
    print(_HEAD, "|---|---|---|---|---|---|---|---|", sep="\n", flush=True)
    wrong = []
    for with_nats in _NATS[chosen.nats]:
        with (
            TemporaryDirectory() as folder,
            running_installation(Path(folder), chosen.jobs, with_nats=with_nats) as installation,
        ):
            found = drill(installation, chosen.jobs, kill_every_s=chosen.kill_every, seed=chosen.seed)
            installation.servers[0].cli("audit", "verify", "--tenant", "east")
        print(_row(found, with_nats=with_nats), flush=True)
        wrong += [(study, found.states[study], found.asked[study]) for study in (*found.lost, *found.doubled)]
    if wrong:
        raise SystemExit(f"lost or with double effect: {wrong[:5]}")


def _row(found: Found, *, with_nats: bool) -> str:
    kills = ", ".join(f"{kind} {count}" for kind, count in sorted(found.kills.items()))
    done = (kills, found.interrupted, sum(found.gets.values()), len(found.lost), len(found.doubled))
    cells = ("yes" if with_nats else "no", len(found.asked), *done, f"{found.seconds:.0f} s")
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    main()
