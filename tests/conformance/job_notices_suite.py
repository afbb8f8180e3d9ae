"""What notices of jobs must do. A subclass gives two processes' notices, and lists the dead letters."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from radgate_server.core.jobs.job import Job, JobKind, JobProgress, JobRequest, JobState
from radgate_server.core.jobs.ports import JobNotices

type ListDead = Callable[[], Awaitable[list[str]]]

POISON = Job(
    "5f0c2a7be1d94c33",
    JobRequest("alpha", JobKind.MAKE_THUMBNAILS, "1.2.3"),
    JobState.FAILED,
    JobProgress(),
    datetime(2026, 12, 1, tzinfo=UTC),
    attempts=4,
    reason="INTERNAL",
)


class JobNoticesSuite:
    """Both processes belong to one installation, in which nothing was announced yet."""

    @pytest.fixture
    def pair(self) -> tuple[JobNotices, JobNotices]:
        raise AssertionError("a subclass gives the notices")

    @pytest.fixture
    def dead(self) -> ListDead:
        raise AssertionError("a subclass lists the dead letters")

    async def test_each_notice_wakes_one_process(self, pair: tuple[JobNotices, JobNotices]) -> None:
        woken: asyncio.Queue[int] = asyncio.Queue()

        async def listen(number: int) -> None:
            while True:
                async with pair[number].receive():
                    woken.put_nowait(number)

        listeners = [asyncio.create_task(listen(number)) for number in range(2)]
        try:
            async with asyncio.timeout(30):
                for number in range(10):
                    pair[number % 2].announce(f"job-{number}")
                for _ in range(10):
                    await woken.get()
            assert woken.empty()
        finally:
            for listener in listeners:
                listener.cancel()
            await asyncio.gather(*listeners, return_exceptions=True)

    async def test_a_notice_that_could_not_be_followed_arrives_again(self, pair: tuple[JobNotices, JobNotices]) -> None:
        pair[0].announce("job")
        async with asyncio.timeout(30):
            with pytest.raises(ZeroDivisionError):
                async with pair[1].receive():
                    raise ZeroDivisionError
            async with pair[0].receive():
                assert pair[0].connected

    async def test_dead_letters_name_their_jobs(self, pair: tuple[JobNotices, JobNotices], dead: ListDead) -> None:
        pair[0].bury(POISON)
        async with asyncio.timeout(30):
            while not (letters := await dead()):
                await asyncio.sleep(0)
        assert letters == [POISON.job_id]
