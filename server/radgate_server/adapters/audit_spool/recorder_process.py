"""The recorder's process, seen from the server: started, started again when it dies, ended."""

import asyncio
import logging
import socket
import sys
import time
from contextlib import suppress

from radgate_server.adapters.audit_spool.ring import Ring
from radgate_server.adapters.audit_spool.terms import END, READY, WAKE, Terms, take_line
from radgate_server.core.condition_log import ConditionLog
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.failure_text import describe_failure

_log = logging.getLogger(__name__)

PROGRAM = "radgate_server.audit_recorder"
START_S = 60.0
"""Longest that a recorder may take to start."""
RESTART_S = 0.5
"""Before another start when the last one failed, or its recorder lived no longer. Else the next one starts at once."""
END_S = 20.0
"""Longest that it may take to finish: as long as a commit may hang, and then some. Then it is killed."""


class RecorderProcess:
    """Runs a recorder over `ring`, and another one when that dies: what it had not yet kept is still there.

    `start()` it, and `close()` it.
    """

    def __init__(self, ring: Ring, terms: Terms) -> None:
        self._ring = ring
        self._terms = terms
        self._closing = False

    async def start(self) -> None:
        """Start it; records may come then.

        Raises:
            ConfigurationError: the spool's folder or the database's URL can't be used.
            OSError: the system has no process or memory left.
        """
        await self._spawn()
        self._watch = asyncio.create_task(self._keep_running())

    @property
    def pid(self) -> int:
        """The process that runs now, or did last."""
        return self._process.pid

    def wake(self) -> None:
        """Let it look into the ring now. One that is being started does so anyway."""
        self._say(WAKE)

    async def close(self) -> None:
        """Let it bring what was put to the database, as far as it can be had, and end."""
        self._closing = True
        self._say(END)
        try:
            async with asyncio.timeout(END_S):
                await self._watch
        except TimeoutError:
            _log.error("the recorder of the audit trail does not end, and is killed")
        await self._end()
        if not self._ring.is_empty:
            _log.critical(
                "records of the audit trail stay in memory for the next start: the recorder did not take them"
            )

    async def _keep_running(self) -> None:
        while True:
            with suppress(ConnectionError, ValueError):  # the latter of a line that is too long; the others go unread
                async for line in self._from_it:
                    take_line(line)
            code = await self._process.wait()
            if self._closing and (code == 0 or self._ring.is_empty):
                return
            _log.error("the recorder of the audit trail ended (%d); another one is started", code)
            await self._end()
            await self._start_again()
            if self._closing:
                self._say(END)

    async def _start_again(self) -> None:
        if time.monotonic() - self._started_s < RESTART_S:
            await asyncio.sleep(RESTART_S)
        started, starting = (
            False,
            ConditionLog(_log, "the recorder of the audit trail does not start", level=logging.ERROR),
        )
        while not started:
            try:
                await self._spawn()
                started = True
                starting.succeeded()
            except (ConfigurationError, OSError) as error:
                starting.failed(describe_failure(error))
                await asyncio.sleep(RESTART_S)

    async def _spawn(self) -> None:
        self._started_s = time.monotonic()
        ours, theirs = socket.socketpair()
        with theirs:
            self._from_it, self._to_it = await asyncio.open_connection(sock=ours)
            descriptors = (theirs.fileno(), self._ring.fd)
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", PROGRAM, *map(str, descriptors)),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL,
                    pass_fds=descriptors,
                    start_new_session=True,  # Ctrl-C reaches the server alone
                )
            except BaseException:
                self._to_it.close()
                raise
        try:
            self._to_it.write(self._terms.line())
            if problem := await self._problem():
                raise ConfigurationError(problem)
        except BaseException:
            await self._end()
            raise

    async def _problem(self) -> str:
        """Why it does not start; "" once it has. What it wants to be logged before is."""
        with suppress(ConnectionError):
            try:
                async with asyncio.timeout(START_S):
                    async for line in self._from_it:
                        if line == READY:
                            return ""
                        if problem := take_line(line):
                            return problem
            except TimeoutError:
                return f"the recorder of the audit trail did not start within {START_S:.0f} s"
        return "the recorder of the audit trail ended while it started"

    async def _end(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        self._to_it.close()

    def _say(self, word: bytes) -> None:
        if not self._to_it.is_closing():
            self._to_it.write(word)
