"""A network that fails in every way, between each adapter and a real PACS.

What the caller sees, that nothing is left behind, and that the next request works once the network is well again.
"""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from radgate_server.adapters.clock import SystemClock
from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.dicom.instances import Arrival
from radgate_server.core.errors import (
    PacsAbortedError,
    PacsTimeoutError,
    PacsUnreachableError,
)
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.services.pacs.resilience import PacsGuard
from radgate_server.settings.pacs import PacsSettings
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.faulty_proxy import Fault
from tests.integration.orthanc import OrthancServer
from tests.integration.pacs_endpoints import (
    ENDPOINTS,
    FILES,
    LARGE,
    LARGE_INSTANCES,
    MODALITIES,
    OPERATIONS,
    SMALL_INSTANCES,
    Line,
    PacsEndpoint,
    arrivals_of,
    data_set,
    data_set_of_file,
    listed,
    open_line,
    within,
)
from tests.integration.waiting import until

type _Operation = Callable[[PacsClient], Awaitable[None]]

LARGE_DATA_SETS = sorted(map(data_set_of_file, FILES[SMALL_INSTANCES:]))
IDLE_S = 2.0
"""How long a PACS may be silent where that is what a test is about. Beside other tests one second may go by."""
TRICKLE_IDLE_S = 4.0
"""How long where it may not: Orthanc itself takes its time over a C-MOVE on a busy machine."""
PATIENCE_S = 60.0
"""How long elsewhere: a busy machine may let some seconds go by."""
SLACK_S = 30.0
"""What a busy machine may need on top of a time-out; what waits for ever takes longer."""


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    with OrthancServer(tmp_path_factory.mktemp("orthanc"), modalities=MODALITIES) as server:
        for file in FILES:
            server.request("POST", "/instances", file)
        yield server


def threads() -> set[threading.Thread]:
    """Those of the loop's own pool come as they are needed, up to its limit, and are not counted."""
    return {thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")}


def other_tasks() -> set[asyncio.Task[object]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - Path.iterdir keeps one open meanwhile


def guarded_pacs(line: Line) -> PacsClient:
    """The PACS as services see it: what a connection that lay idle fails with, is asked again."""
    return PacsGuard(PacsSettings(), SystemClock(), RecordingTelemetry()).wrap(line.config, line.pacs)


@pytest.fixture(params=ENDPOINTS, ids=str)
async def line(request: pytest.FixtureRequest, orthanc: OrthancServer) -> AsyncIterator[Line]:
    """A line on which much is borne."""
    async with healed_line(request.param, orthanc, PATIENCE_S) as line:
        yield line


@pytest.fixture(params=ENDPOINTS, ids=str)
async def impatient(request: pytest.FixtureRequest, orthanc: OrthancServer) -> AsyncIterator[Line]:
    """A line on which silence is not borne for long."""
    async with healed_line(request.param, orthanc, IDLE_S) as line:
        yield line


@asynccontextmanager
async def healed_line(endpoint: PacsEndpoint, orthanc: OrthancServer, idle_s: float) -> AsyncIterator[Line]:
    """A line; after the test it is healed, used again as services do, closed, and must have left nothing."""
    async with open_line(endpoint, orthanc, idle_s=idle_s) as line:
        tasks, running, files = other_tasks(), threads(), open_files()
        yield line
        line.proxy.fault, line.proxy.latency_s = Fault.NONE, 0
        guarded = guarded_pacs(line)
        for operation in OPERATIONS.values():
            await operation(guarded)
        await guarded.close()
        await until(lambda: other_tasks() <= tasks)
        await until(lambda: threads() <= running)
        await until(lambda: line.proxy.open_connections == 0)
        await until(lambda: open_files() <= files)


@pytest.fixture(params=OPERATIONS)
def operation(request: pytest.FixtureRequest) -> _Operation:
    return OPERATIONS[request.param]


# --- slow, but well ---------------------------------------------------------------------------------------------------


async def test_latency_is_borne(line: Line, operation: _Operation) -> None:
    line.proxy.latency_s = 0.1
    await operation(line.pacs)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
async def test_a_trickle_is_borne(orthanc: OrthancServer, endpoint: PacsEndpoint) -> None:
    """Time-outs are for silence: what comes slowly takes longer than any of them."""
    async with healed_line(endpoint, orthanc, TRICKLE_IDLE_S) as line:
        line.proxy.fault, line.proxy.trickle_bytes_per_s = Fault.TRICKLE, endpoint.trickle_bytes_per_s
        started_s = time.monotonic()
        await OPERATIONS["find"](line.pacs)
        await arrivals_of(line.pacs, LARGE, LARGE_INSTANCES, [])
        assert time.monotonic() - started_s > TRICKLE_IDLE_S


# --- silent -----------------------------------------------------------------------------------------------------------


async def test_a_black_hole_times_out(impatient: Line, operation: _Operation) -> None:
    impatient.proxy.fault = Fault.BLACK_HOLE
    with within(IDLE_S + SLACK_S), pytest.raises(PacsTimeoutError):
        await operation(impatient.pacs)


async def test_a_kept_connection_that_becomes_a_black_hole_times_out(impatient: Line, operation: _Operation) -> None:
    await operation(impatient.pacs)
    impatient.proxy.fault = Fault.BLACK_HOLE
    with within(2 * IDLE_S + SLACK_S), pytest.raises(PacsTimeoutError):
        await operation(impatient.pacs)


async def test_a_half_open_connection_in_mid_retrieve_times_out(impatient: Line) -> None:
    impatient.proxy.fault, impatient.proxy.fails_after_bytes = Fault.HALF_OPEN, impatient.endpoint.middle_bytes
    came: list[Arrival] = []
    with within(2 * IDLE_S + SLACK_S), pytest.raises(PacsTimeoutError):
        await arrivals_of(impatient.pacs, LARGE, LARGE_INSTANCES, came)
    check_whole(came)


# --- broken -----------------------------------------------------------------------------------------------------------


async def test_a_reset_in_mid_answer_aborts(line: Line, operation: _Operation) -> None:
    line.proxy.fault, line.proxy.fails_after_bytes = Fault.RESET, 10
    with within(SLACK_S), pytest.raises(PacsAbortedError):
        await operation(line.pacs)


async def test_a_reset_in_mid_retrieve_comes_after_whole_instances(line: Line) -> None:
    line.proxy.fault, line.proxy.fails_after_bytes = Fault.RESET, line.endpoint.middle_bytes
    came: list[Arrival] = []
    with within(SLACK_S), pytest.raises(PacsAbortedError):
        await arrivals_of(line.pacs, LARGE, LARGE_INSTANCES, came)
    check_whole(came)


async def test_a_reset_in_mid_instance_aborts(line: Line) -> None:
    """Also when it is the only one: the next attempt may bring it."""
    (wanted, *_) = listed(LARGE, 1)
    ref = wanted.ref
    scope = RetrieveScope(ref.study_instance_uid, ref.series_instance_uid, ref.sop_instance_uid)
    line.proxy.fault, line.proxy.fails_after_bytes = Fault.RESET, min(line.endpoint.middle_bytes, 100_000) // 3
    with within(SLACK_S), pytest.raises(PacsAbortedError):
        async with line.pacs.reader.retrieve(scope, [wanted]) as arrivals:
            assert [arrival async for arrival in arrivals] == []


async def test_a_refused_connection_is_unreachable(line: Line, operation: _Operation) -> None:
    await operation(line.pacs)
    line.proxy.refuse()
    try:
        with within(SLACK_S), pytest.raises((PacsAbortedError, PacsUnreachableError)):
            await operation(line.pacs)  # a kept association that is not yet known to be broken is aborted
        with within(SLACK_S), pytest.raises(PacsUnreachableError):
            await operation(line.pacs)
    finally:
        line.proxy.accept()


async def test_garbage_ends_the_connection(line: Line, operation: _Operation) -> None:
    line.proxy.fault = Fault.GARBAGE
    with within(SLACK_S), pytest.raises(PacsAbortedError) as caught:
        await operation(line.pacs)
    assert caught.value.pacs == "main"


async def test_leaving_in_mid_retrieve_breaks_the_connection(line: Line) -> None:
    line.proxy.fault, line.proxy.trickle_bytes_per_s = Fault.TRICKLE, 400_000
    scope = RetrieveScope(LARGE)
    async with line.pacs.reader.retrieve(scope, listed(LARGE, LARGE_INSTANCES)) as arrivals:
        assert await anext(arrivals)
        assert await anext(arrivals)  # behind the first one, Orthanc's files are fetched ahead
    line.proxy.fault = Fault.NONE
    with within(SLACK_S):
        await OPERATIONS["retrieve"](line.pacs)


# --- restarted --------------------------------------------------------------------------------------------------------


async def test_a_restart_goes_unnoticed(orthanc: OrthancServer, line: Line) -> None:
    guarded = guarded_pacs(line)
    for operation in OPERATIONS.values():
        await operation(guarded)
    orthanc.kill()
    orthanc.start()
    for operation in OPERATIONS.values():
        await operation(guarded)


def check_whole(came: list[Arrival]) -> None:
    """Something came, and what came is as it was stored."""
    assert came
    assert set(map(data_set, came)) <= set(LARGE_DATA_SETS)
