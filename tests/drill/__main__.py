"""All attacks, one after the other, as a table for docs/limits.md."""

import argparse
import resource
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.drill.attacks import ATTACKS
from tests.drill.running import Round, attack, drilled_server

COLUMNS = (
    "attack",
    "what the gateway did",
    "good requests (failed)",
    "p99 before, during",
    "Envoy",
    "server",
    "connections",
)


def main() -> None:
    """Start a server, attack it, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.drill", description=__doc__)
    parser.add_argument("--seconds", type=float, default=15, help="of each attack")
    parser.add_argument("--connections", type=int, default=500, help="of attackers at the same time")
    parser.add_argument(
        "--instances", type=int, default=100, help="of the study that slow readers ask for, half a MiB each"
    )
    parser.add_argument("names", nargs="*", default=list(ATTACKS), metavar="ATTACK", help=", ".join(ATTACKS))
    chosen = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    with TemporaryDirectory() as folder, drilled_server(Path(folder), chosen.instances) as server:
        for name in chosen.names:
            print(row(attack(server, name, seconds=chosen.seconds, connections=chosen.connections)), flush=True)


def row(found: Round) -> str:
    """One line of the table."""
    outcomes = ", ".join(f"{count} {what}" for what, count in sorted(found.outcomes.items()))
    cells = (
        found.name,
        outcomes,
        f"{len(found.during.seconds)} ({len(found.during.failures)})",
        f"{found.before.p99_ms():.0f} ms, {found.during.p99_ms():.0f} ms",
        f"{found.costs.envoy_mib} MiB",
        f"{found.costs.server_mib} MiB",
        str(found.costs.connections),
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
