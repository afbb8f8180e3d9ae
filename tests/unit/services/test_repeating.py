"""Background loops: a round that fails is logged once and ends nothing; a loop that is closed ends."""

import ast
import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

import radgate_server
from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.services.repeating import Repeating

OTHER_LOOPS = {
    "services/repeating.py": "is the loop",
    "services/imaging/pictures/background_thumbnails.py": "works off a queue, once arrivals have paused",
    "services/jobs/running.py": "retries the write of one job's end",
    "services/audit/indexing.py": "pauses within a round",
    "adapters/audit/export/syslog.py": "waits until a connection has sent its bytes",
    "adapters/database/audit/drain.py": "waits for a thread",
    "adapters/prefetch/hl7/listener.py": "accepts connections, and pauses when no descriptor is left",
    "adapters/jobs/nats/notices.py": "ends with a connection to NATS",
    "adapters/gateway/envoy.py": "supervises a child process",
    "adapters/imaging/workers/image_workers.py": "supervises a child process, for as long as each says",
    "adapters/pacs/dimse/association/pool.py": "ends with the last idle association",
}
"""Loops that sleep and are not periodic."""


class Rounds(Repeating):
    """Looks as often as there are outcomes; an exception among them is raised. Then it waits."""

    def __init__(self, *outcomes: Exception | None, wait_first: bool = False, longest_wait_s: float = 0.0) -> None:
        super().__init__(
            "rounds",
            interval_s=2,
            trouble="nothing works",
            wait_first=wait_first,
            longest_wait_s=longest_wait_s,
            sleep=self._wait,
        )
        self._outcomes = list(outcomes)
        self.events: list[float | str] = []
        self.over = asyncio.Event()

    async def look(self) -> None:
        """Have the next outcome."""
        self.events.append("look")
        if error := self._outcomes.pop(0):
            raise error

    async def _wait(self, seconds: float) -> None:
        self.events.append(seconds)
        if not self._outcomes:
            self.over.set()
            await asyncio.Event().wait()

    async def run(self) -> None:
        """Look until there are no more outcomes, and close."""
        self.start()
        await self.over.wait()
        await self.close()


@pytest.mark.parametrize("make", [lambda: DatabaseUnavailableError("the disk is full"), lambda: KeyError("x")])
async def test_a_round_that_fails_is_logged_once_and_ends_nothing(
    caplog: pytest.LogCaptureFixture, make: Callable[[], Exception]
) -> None:
    caplog.set_level(logging.INFO)
    rounds = Rounds(make(), make(), make(), None, make(), None)
    await rounds.run()
    assert rounds.events == ["look", 2] * 6
    messages = [record.getMessage().partition(":")[0].partition(" because")[0] for record in caplog.records]
    assert messages == ["nothing works", "recovered"] * 2
    is_defect = isinstance(make(), KeyError)
    assert [bool(record.exc_info) for record in caplog.records] == [is_defect, False] * 2


async def test_each_cause_of_an_outage_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    await Rounds(KeyError("x"), ValueError("y"), DatabaseUnavailableError("gone"), KeyError("z")).run()
    assert len(caplog.records) == 3


async def test_while_rounds_fail_the_wait_may_grow() -> None:
    rounds = Rounds(*[ValueError("x")] * 3, None, None, longest_wait_s=7)
    await rounds.run()
    assert [event for event in rounds.events if event != "look"] == [4, 7, 7, 2, 2]


async def test_the_first_round_may_wait_too() -> None:
    rounds = Rounds(None, None, wait_first=True)
    await rounds.run()
    assert rounds.events == [2, "look", 2, "look", 2]


async def test_closing_cancels_the_round_in_progress_and_leaves_no_task() -> None:
    begun = asyncio.Event()

    class Endless(Rounds):
        async def look(self) -> None:
            begun.set()
            await asyncio.Event().wait()

    rounds = Endless()
    rounds.start()
    await begun.wait()
    await rounds.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_every_loop_that_sleeps_is_repeating() -> None:
    root = Path(radgate_server.__file__).parent
    found = {
        str(path.relative_to(root))
        for layer in ("services", "adapters", "app", "rpc")
        for path in sorted((root / layer).rglob("*.py"))
        if any(map(_is_sleeping_loop, ast.walk(ast.parse(path.read_text()))))
    }
    assert found == OTHER_LOOPS.keys()


def _is_sleeping_loop(node: ast.AST) -> bool:
    return isinstance(node, ast.While) and any(
        isinstance(part, ast.Await)
        and isinstance(part.value, ast.Call)
        and ast.unparse(part.value.func).rpartition(".")[2] in ("sleep", "_sleep")
        and ast.unparse(part.value) != "asyncio.sleep(0)"
        for part in ast.walk(node)
    )
