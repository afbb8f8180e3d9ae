"""One attack in a process of its own: `python -m tests.drill.attacker NAME PORT KEY PATH SECONDS CONNECTIONS`."""

import asyncio
import json
import sys

from tests.drill.attacks import ATTACKS, Target


def main(name: str, port: str, key: str, path: str, seconds: str, connections: str) -> None:
    """Attack, and say on stdout what became of it."""
    target = Target(int(port), key, path, float(seconds), int(connections))
    asyncio.run(ATTACKS[name](target))
    print(json.dumps(target.outcomes))


if __name__ == "__main__":
    main(*sys.argv[1:])
