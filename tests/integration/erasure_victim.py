"""Erases a patient's cached data and kills itself in the middle of it. Started by test_erasure_killed.py."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from radgate_server.core.audit.retention import HoldSubject
from tests.fakes.erasure_bench import ADMIN, Deadly, open_bench


def kill_myself() -> None:
    """As the kernel does it when memory is short: nothing is cleaned up."""
    os.kill(os.getpid(), signal.SIGKILL)


async def erase(folder: Path, lives: int) -> None:
    async with open_bench(folder) as bench:
        await bench.fill()
        Deadly.die, Deadly.lives = kill_myself, lives  # type: ignore[method-assign]
        await bench.eraser.erase(ADMIN, HoldSubject.PATIENT, "P-1", f"try {lives}")


if __name__ == "__main__":
    asyncio.run(erase(Path(sys.argv[1]), int(sys.argv[2])))
