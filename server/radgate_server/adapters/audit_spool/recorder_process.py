"""The recorder's process, seen from the server: started, started again when it dies, ended."""

import asyncio
import logging
import socket
import sys
from contextlib import suppress

from radgate_server.adapters.audit_spool.ring import Ring
from radgate_server.adapters.audit_spool.terms import END, READY, WAKE, Terms, log_line
from radgate_server.core.errors import ConfigurationError

_log = logging.getLogger(__name__)

PROGRAM = "radgate_server.audit_recorder"
START_S = 60.0
"""Longest that a recorder may take to start."""
RESTART_S = 0.5
"""Between a recorder's end and the next one's start."""
END_S = 30.0
"""Longest that it may take to finish, as long as a commit may hang; then it is killed."""


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
        """Let it look into the ring now."""
        self._to_it.write(WAKE)

    async def close(self) -> None:
        """Let it bring what was put to the database, as far as it can be had, and end."""
        self._closing = True
        self._to_it.write(END)
        try:
            async with asyncio.timeout(END_S):
                await self._watch
        except TimeoutError:
            _log.error("the recorder of the audit trail does not end, and is killed")
        await self._end()

    async def _keep_running(self) -> None:
        while True:
            with suppress(ConnectionError):
                async for line in self._from_it:
                    log_line(line)
            code = await self._process.wait()
            if self._closing:
                return
            _log.error("the recorder of the audit trail ended (%d); another one is started", code)
            await self._end()
            await self._start_again()

    async def _start_again(self) -> None:
        started = False
        while not (started or self._closing):
            await asyncio.sleep(RESTART_S)
            try:
                await self._spawn()
                started = True
            except (ConfigurationError, OSError) as error:
                _log.error("the recorder of the audit trail does not start: %s", error)

    async def _spawn(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            descriptors = (theirs.fileno(), self._ring.fd)
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", PROGRAM, *map(str, descriptors)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                pass_fds=descriptors,
                start_new_session=True,  # Ctrl-C reaches the server alone
            )
        self._from_it, self._to_it = await asyncio.open_connection(sock=ours)
        self._to_it.write(self._terms.line())
        problem = await self._problem()
        if problem:
            await self._end()
            raise ConfigurationError(problem)

    async def _problem(self) -> str:
        """Why it does not start; "" once it has."""
        try:
            async with asyncio.timeout(START_S):
                line = await self._from_it.readline()
        except TimeoutError:
            return f"the recorder of the audit trail did not start within {START_S:.0f} s"
        except ConnectionError:
            line = b""
        if line == READY:
            return ""
        return line.decode() or "the recorder of the audit trail ended while it started"

    async def _end(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        self._to_it.close()
