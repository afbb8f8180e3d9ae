"""One attack in a process of its own: `python -m tests.drill.attacker` with what `main` takes."""

import asyncio
import json
import sys

from tests.drill.attacks import ATTACKS, Target


def main(name: str, port: str, key: str, path: str, seconds: str, connections: str, outcome: str) -> None:
    """Attack, and say on stdout what became of it."""
    target = Target(int(port), key, path, float(seconds), int(connections), outcome)
    asyncio.run(ATTACKS[name](target))
    print(json.dumps(target.outcomes))


if __name__ == "__main__":
    main(*sys.argv[1:])
