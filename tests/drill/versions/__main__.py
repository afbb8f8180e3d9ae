"""Replace servers of the version before by this version's, on one PostgreSQL, while clients compare every byte.

Fails when an answer was not right, or when no stream continued elsewhere.
"""

import argparse
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.drill.versions.before import describe, extract, version_before
from tests.drill.versions.running import replace_servers


def main() -> None:
    """Take the program of the version before from git, run both, print what was seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.drill.versions", description=__doc__)
    parser.add_argument("--before", default=version_before(), help="tag or commit of the version before")
    parser.add_argument("--seconds", type=float, default=10, help="for which clients read before, between and after")
    parser.add_argument("--clients", type=int, default=16, help="that read at the same time")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")  # of answers that doubt something: they are compared byte by byte
    print(f"from {describe(chosen.before)} to {describe('HEAD')}", flush=True)
    with TemporaryDirectory() as folder:
        program = extract(chosen.before, Path(folder) / "before")
        found = replace_servers(Path(folder), program, clients=chosen.clients, seconds=chosen.seconds)
    print(f"schema {found.schema_before}, then {found.schema_after}")
    print(f"the new server answered {found.answered_by_new:.0f} calls")
    print(f"answers to clients: {', '.join(f'{count} {what}' for what, count in found.outcomes.items())}")
    print(f"streams that a drained server cut, and that continued elsewhere: {found.cut}")
    if found.failures:
        raise SystemExit(f"not right: {dict(found.failures)}")
    if not found.cut:
        raise SystemExit("no stream had to continue elsewhere: nothing was shown of that")


if __name__ == "__main__":
    main()
