"""Jobs that a real NATS wakes processes for."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import nats
import pytest

from radgate_server.adapters.jobs.nats import NatsAccess, NatsJobNotices, StreamSetup, open_nats_notices
from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.core.jobs.job import MAX_ATTEMPTS, Job, JobKind, JobRequest, JobState, QueueLoad
from radgate_server.core.jobs.ports import JobNotices, JobStore, Report
from radgate_server.services.jobs.queue import LEASE_S, JobLimits, StoredJobQueue
from tests.conformance.job_notices_suite import JobNoticesSuite, ListDead
from tests.conformance.job_queue_suite import RETAINED_COUNT, RETAINED_S, JobQueueSuite, request
from tests.fakes.clock import FakeClock
from tests.fakes.job_store import MemoryJobStore
from tests.integration.nats_notices import connected_notices
from tests.integration.nats_server import NatsServer, running_nats
from tests.integration.ports import free_port

FOREVER_S = 3600.0
_numbers = count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with running_nats(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture
def stream() -> str:
    """Each test is an installation of its own."""
    return f"TEST_{next(_numbers)}"


@pytest.fixture
def counted() -> Counter[str]:
    return Counter()


type Open = Callable[[], Awaitable[NatsJobNotices]]


@pytest.fixture
async def open_one(server: NatsServer, stream: str, counted: Counter[str]) -> AsyncIterator[Open]:
    """Opens the notices of one more process, and waits until it is connected."""
    async with AsyncExitStack() as stack:

        async def open_one() -> NatsJobNotices:
            connected = connected_notices(server, stream, lambda outcome: counted.update([outcome]))
            return await stack.enter_async_context(connected)

        yield open_one


async def so(condition: Callable[[], bool]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def dead_letters(server: NatsServer, stream: str) -> list[dict[str, object]]:
    """What an operator reads of the stream of dead letters."""
    client = await nats.connect(server.url)
    try:
        jetstream = client.jetstream()
        number = (await jetstream.stream_info(f"{stream}_DEAD")).state.messages
        messages = [await jetstream.get_msg(f"{stream}_DEAD", seq) for seq in range(1, number + 1)]
        return [json.loads(message.data or b"") for message in messages]
    finally:
        await client.close()


class TestNatsJobNotices(JobNoticesSuite):
    @pytest.fixture
    async def pair(self, open_one: Open) -> tuple[JobNotices, JobNotices]:
        return await open_one(), await open_one()

    @pytest.fixture
    def dead(self, server: NatsServer, stream: str) -> ListDead:
        async def dead() -> list[str]:
            return [str(letter["job"]) for letter in await dead_letters(server, stream)]

        return dead


class TestNatsJobQueue(JobQueueSuite):
    @pytest.fixture
    def store(self, clock: FakeClock) -> JobStore:
        return MemoryJobStore(clock, retained_s=RETAINED_S, retained_count=RETAINED_COUNT)

    @pytest.fixture
    async def notices(self, open_one: Open) -> JobNotices:
        return await open_one()


class CountingStore(MemoryJobStore):
    """A store that counts how often it was searched, and can be out of reach."""

    searched = 0
    away = False

    async def load(self) -> QueueLoad:
        self.searched += 1
        if self.away:
            raise DatabaseUnavailableError("the database can't be reached")
        return await super().load()


class Process:
    """One process that searches the store when it is woken alone, and counts what it ran."""

    def __init__(self, store: MemoryJobStore, notices: JobNotices, *, max_running: int = 1) -> None:
        self.ran: list[str] = []
        self.fails = False
        self.queue = StoredJobQueue(
            store,
            dict.fromkeys(JobKind, self._run),
            JobLimits(max_running, 100),
            notices=notices,
            poll_interval_s=FOREVER_S,
            sleep=lambda _: asyncio.sleep(0.01),  # an hour without a notice lasts 36 s
        )

    async def _run(self, asked: JobRequest, _: Report) -> None:
        self.ran.append(asked.study_instance_uid)
        if self.fails:
            raise ZeroDivisionError


@asynccontextmanager
async def running(*processes: Process) -> AsyncIterator[None]:
    for process in processes:
        process.queue.start()
    try:
        yield
    finally:
        for process in processes:
            await process.queue.close()


@pytest.fixture
def store() -> CountingStore:
    return CountingStore(FakeClock())


async def ended(process: Process, job: Job) -> Job:
    async with asyncio.timeout(60):
        return [step async for step in process.queue.watch("alpha", job.job_id)][-1]


async def test_a_job_of_one_process_starts_at_another_without_a_search(open_one: Open, store: CountingStore) -> None:
    front, worker = Process(store, await open_one(), max_running=0), Process(store, await open_one())
    async with running(front, worker):
        await so(lambda: store.searched == 2)
        await asyncio.sleep(0.2)
        assert store.searched == 2  # twenty seconds of the processes' time
        job = await front.queue.submit(request("1"))
        await so(lambda: worker.ran == ["1"])
        assert (await ended(front, job)).state is JobState.SUCCEEDED


async def test_a_notice_that_arrives_again_runs_its_job_once(open_one: Open, store: CountingStore) -> None:
    notices = await open_one()
    workers = Process(store, notices), Process(store, await open_one())
    async with running(*workers):
        job = await workers[0].queue.submit(request("1"))
        for _ in range(3):
            notices.announce(job.job_id)
        await so(lambda: store.searched >= 6)
        await ended(workers[0], job)
    assert [study for worker in workers for study in worker.ran] == ["1"]


async def test_a_consumer_that_was_deleted_is_made_again(
    open_one: Open, store: CountingStore, server: NatsServer, stream: str
) -> None:
    front, worker = Process(store, await open_one(), max_running=0), Process(store, await open_one())
    async with running(front, worker):
        client = await nats.connect(server.url)
        assert await client.jetstream().delete_consumer(stream, "radgate-workers")
        await front.queue.submit(request("1"))
        await so(lambda: worker.ran == ["1"])
        assert (await client.jetstream().consumer_info(stream, "radgate-workers")).num_pending == 0
        await client.close()


async def test_a_consumer_that_has_gone_silent_is_made_again(
    open_one: Open, store: CountingStore, server: NatsServer, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radgate_server.adapters.jobs.nats.session.FETCH_S", 0.3)
    front, *workers = Process(store, await open_one(), max_running=0), *[Process(store, await open_one()) for _ in "ab"]
    async with running(front, *workers):
        client = await nats.connect(server.url)
        until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        paused = await client.request(
            f"$JS.API.CONSUMER.PAUSE.{stream}.radgate-workers", json.dumps({"pause_until": until}).encode()
        )
        assert json.loads(paused.data)["paused"]
        for study in "123":
            await front.queue.submit(request(study))
        await so(lambda: sum(len(worker.ran) for worker in workers) == 3)
        info = await client.request(f"$JS.API.CONSUMER.INFO.{stream}.radgate-workers")
        assert "paused" not in json.loads(info.data), "the jobs were found by a search"
        await client.close()


@pytest.mark.parametrize("streams_are_lost", [False, True])
async def test_jobs_go_on_without_nats_and_with_it_again(
    tmp_path: Path, store: CountingStore, *, streams_are_lost: bool
) -> None:
    with running_nats(tmp_path / "nats") as server:
        both = [open_nats_notices(NatsAccess(url=server.url), StreamSetup(), lambda _: None) for _ in range(2)]
        for notices in both:
            notices.start()
            await so(lambda notices=notices: notices.connected)  # type: ignore[misc]
        front, worker = Process(store, both[0], max_running=0), Process(store, both[1])
        async with running(front, worker):
            server.kill()
            await so(lambda: not any(notices.connected for notices in both))
            assert "NATS can't be reached" in await both[0].problem()
            await front.queue.submit(request("1"))
            await so(lambda: worker.ran == ["1"])
            if streams_are_lost:
                server.lose_everything()
            server.start()
            await so(lambda: all(notices.connected for notices in both))
            assert await both[0].problem() == ""
            await front.queue.submit(request("2"))
            await so(lambda: worker.ran == ["1", "2"])
        for notices in both:
            await notices.close()


async def test_a_job_that_always_fails_becomes_a_dead_letter(
    open_one: Open, store: CountingStore, server: NatsServer, stream: str
) -> None:
    clock = FakeClock()
    store = CountingStore(clock)
    worker = Process(store, await open_one())
    worker.fails = True
    async with running(worker):
        job = await worker.queue.submit(request("1.2.3"))
        async for _ in worker.queue.watch("alpha", job.job_id):
            clock.advance(60)
        letters: list[dict[str, object]] = []
        async with asyncio.timeout(30):
            while not letters:
                letters = await dead_letters(server, stream)
    assert len(worker.ran) == 4
    assert {**letters[0], "ended": ""} == {
        "job": job.job_id,
        "tenant": "alpha",
        "kind": "transcode-study",
        "reason": "INTERNAL",
        "attempts": 4,
        "ended": "",
    }


async def test_a_job_that_ends_four_processes_becomes_a_dead_letter_and_can_be_resumed(
    open_one: Open, server: NatsServer, stream: str
) -> None:
    clock = FakeClock()
    store = CountingStore(clock)
    job = await store.submit(request("1"), max_waiting=1)
    for _ in range(MAX_ATTEMPTS):
        await store.recover(MAX_ATTEMPTS)
        assert await store.claim(tuple(JobKind), LEASE_S) is not None
        clock.advance(LEASE_S + 1)
    worker = Process(store, await open_one())
    async with running(worker):
        failed = await ended(worker, job)
        assert (failed.state, failed.attempts, failed.reason) == (JobState.FAILED, MAX_ATTEMPTS, "INTERNAL")
        letters: list[dict[str, object]] = []
        async with asyncio.timeout(30):
            while not letters:
                letters = await dead_letters(server, stream)
        assert [(letter["job"], letter["attempts"]) for letter in letters] == [(job.job_id, MAX_ATTEMPTS)]
        await worker.queue.resume("alpha", job.job_id)
        assert (await ended(worker, job)).state is JobState.SUCCEEDED
    assert worker.ran == ["1"]


async def test_a_notice_that_nobody_can_follow_becomes_a_dead_letter(
    open_one: Open, server: NatsServer, stream: str, counted: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radgate_server.adapters.jobs.nats.notices.REDELIVERY_DELAYS_S", (0.1, 0.1, 0.1))
    notices = await open_one()
    notices.announce("job")
    async with asyncio.timeout(60):
        for _ in range(4):
            with pytest.raises(DatabaseUnavailableError):
                async with notices.receive():
                    raise DatabaseUnavailableError("the database can't be reached")
        while not (letters := await dead_letters(server, stream)):
            await asyncio.sleep(0.01)
    assert letters == [{"job": "job", "reason": "NOTICE_UNDELIVERABLE"}]
    assert counted == {"sent": 1, "received": 4, "refused": 3, "dead-letter": 1}


async def test_notices_are_of_their_installation(open_one: Open, server: NatsServer, store: CountingStore) -> None:
    other = open_nats_notices(NatsAccess(url=server.url), StreamSetup("ANOTHER"), lambda _: None)
    other.start()
    await so(lambda: other.connected)
    worker = Process(store, await open_one())
    async with running(worker):
        await so(lambda: store.searched == 1)
        other.announce("theirs")
        await asyncio.sleep(0.1)
        assert store.searched == 1
    await other.close()


async def test_a_process_starts_without_nats(store: CountingStore) -> None:
    dropped: list[str] = []
    access = NatsAccess(url=f"nats://127.0.0.1:{free_port()}")
    notices = open_nats_notices(access, StreamSetup(), dropped.append)
    notices.start()
    worker = Process(store, notices)
    async with running(worker):
        await worker.queue.submit(request("1"))
        await so(lambda: worker.ran == ["1"])
        assert "searching the database each second" in await notices.problem()
        assert dropped == ["dropped"]
    await notices.close()
