"""One worker's process, seen from the server: started, spoken to, ended."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from radgate_server.adapters.imaging.operations import Operation, Result
from radgate_server.adapters.imaging.worker.answers import READY, Done
from radgate_server.adapters.imaging.worker.confinement import Limits
from radgate_server.adapters.imaging.worker.requests import Task, write_round
from radgate_server.adapters.imaging.worker.shared_memory import SharedMemory
from radgate_server.adapters.imaging.workers.packets import Packets, WorkerGoneError

PROGRAM = "radgate_server.adapters.imaging.worker"
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "TZ")
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_LIBRARIES = dict.fromkeys(_ONE_THREAD, "1") | {
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(128 << 20),
}
"""One thread each; and memory for pixels is used again, not given back and cleared by the system for each frame."""

_COPIED_ON_LOOP_BYTES = 4 << 20
"""More than that is copied in a thread, lest the event loop stand still."""
_REQUESTS_BYTES = 1 << 40
"""What a region for requests may hold: the server itself bounds what it asks for."""
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class WorkerProcess:
    """A worker and the memory shared with it. Make it with `spawn`; whoever did awaits `end`."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        packets: Packets,
        requests: SharedMemory,
        answers: SharedMemory,
    ) -> None:
        self._process = process
        self._packets = packets
        self._requests = requests
        self._answers = answers
        self._copying: asyncio.Future[Any] | None = None

    @classmethod
    async def spawn(cls, limits: Limits) -> "WorkerProcess":
        """Start a worker; it takes jobs once `ready` has returned.

        Raises:
            OSError: the system has no process, descriptor or memory left.
        """
        with contextlib.ExitStack() as undo, contextlib.ExitStack() as handed_over:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            undo.callback(ours.close)
            handed_over.callback(theirs.close)
            ours.setblocking(False)
            regions = []
            for name, size_bytes in (("radgate-requests", _REQUESTS_BYTES), ("radgate-answers", limits.answer_bytes)):
                regions.append(SharedMemory.create(name, size_bytes))
                undo.callback(regions[-1].close)
            process = await _start([theirs.fileno(), *(region.fd for region in regions)], limits)
            undo.pop_all()
            return cls(process, Packets(ours), *regions)

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether the process is known to have ended."""
        return self._process.returncode is not None

    def resident_bytes(self) -> int:
        """Memory that the process has of its own; 0 when it has ended."""
        try:
            statm = Path(f"/proc/{self.pid}/statm").read_bytes()
        except OSError:
            return 0
        return int(statm.split()[1]) * _PAGE_BYTES

    async def ready(self) -> None:
        """Wait until it has started.

        Raises:
            WorkerGoneError: it ended instead.
        """
        if await self.receive() != READY:
            raise WorkerGoneError(unread=True)

    async def send(self, tasks: Sequence[Task]) -> None:
        """Hand a round over; it sends an answer to each task, in their order.

        Raises:
            WorkerGoneError: it has ended.
        """
        if sum(len(frame.data) for task in tasks for frame in task.frames) > _COPIED_ON_LOOP_BYTES:
            message = await self._in_thread(write_round, tasks, self._requests)
        else:
            message = write_round(tasks, self._requests)
        self._packets.send(message)

    async def receive(self) -> bytes:
        """Wait for its next message.

        Raises:
            WorkerGoneError: it ended instead.
        """
        return await self._packets.receive()

    async def fetch[Made: Result](self, done: Done, operation: Operation[Made]) -> Made:
        """Take a result from the shared memory.

        Raises:
            BrokenAnswerError: it is not what the operation makes.
        """
        if done.span is not None and done.span.length > _COPIED_ON_LOOP_BYTES:
            return await self._in_thread(done.result, operation.result, self._answers)
        return done.result(operation.result, self._answers)

    def tidy(self) -> None:
        """A round is over: give back memory that it used and others won't."""
        self._requests.trim()
        self._answers.trim()

    def kill(self) -> None:
        """End it at once, whatever it does."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def wait(self) -> int:
        """Wait until the process has ended; its exit status, a signal's number as a negative one."""
        return await self._process.wait()

    async def end(self) -> int:
        """Kill it and free what it had; its exit status."""
        self.kill()
        if self._copying is not None:
            await asyncio.wait([self._copying])  # it uses the memory that is about to go
        try:
            return await self._process.wait()
        finally:
            self._packets.close()
            self._requests.close()
            self._answers.close()

    async def _in_thread[**Taken, Made](
        self, copy: Callable[Taken, Made], *args: Taken.args, **kwargs: Taken.kwargs
    ) -> Made:
        copying = self._copying = asyncio.ensure_future(asyncio.to_thread(copy, *args, **kwargs))
        return await asyncio.shield(copying)


def worker_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What of the server's environment a worker gets, no secrets; and how libraries are to behave."""
    return {name: environment[name] for name in _KEPT_VARIABLES if name in environment} | _LIBRARIES


async def _start(descriptors: Sequence[int], limits: Limits) -> asyncio.subprocess.Process:
    arguments = [*descriptors, os.getpid(), *limits]
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", PROGRAM, *map(str, arguments)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        pass_fds=descriptors,
        env=worker_environment(os.environ),
        start_new_session=True,  # Ctrl-C reaches the server alone, which ends its workers when calls are through
    )
