"""The tier of derived things after kill -9: what is there is whole, and nothing else is left."""

import random
import subprocess
import sys
import time
from pathlib import Path

from tests.integration.derived_cache_writer import LIMIT_BYTES, PLACES, answer_of, key_of, make

ROOT = Path(__file__).parents[2]
KILLS = 6


def _write_and_kill(folder: Path, seconds: float) -> None:
    command = [sys.executable, "-m", "tests.integration.derived_cache_writer", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "writing\n"
            time.sleep(seconds)
            assert process.poll() is None
        finally:
            process.kill()


async def test_what_is_there_after_a_kill_is_whole(tmp_path: Path) -> None:
    moments = random.Random(5)
    found = 0
    for _ in range(KILLS):
        _write_and_kill(tmp_path, moments.uniform(0.05, 0.4))
        async with make(tmp_path) as cache:
            await cache.inventory_taken()
            assert list((tmp_path / ".incoming").iterdir()) == []
            assert cache.used_bytes <= LIMIT_BYTES
            kept = (await cache.usage("alpha")).entries
            answers = [answer for number in range(PLACES) if (answer := await cache.get(key_of(number))) is not None]
            assert len(answers) == kept
            assert all(answer == answer_of(int.from_bytes(answer[:8], "little")) for answer in answers)
            found += len(answers)
    assert found > KILLS
