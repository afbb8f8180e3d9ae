"""The recorder, a process that keeps the audit trail's records: `python -m radgate_server.audit_recorder SOCKET RING`.

It takes them out of the memory that it shares with its server, writes them into the spool, and brings them from there
to the database. The arguments are descriptors that it inherits. Over the socket come one line, the Terms, then bytes
that wake it (WAKE) or end it (END); when the socket ends without one, the server has died. The recorder says READY, or
what is wrong, and later what the server is to log.

Signals don't end it, for they come to all processes of a service at once, and the server still records then.
"""

import logging
import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from functools import partial
from typing import Protocol

from radgate_server.adapters.audit_spool.ring import Ring
from radgate_server.adapters.audit_spool.ring_file import PATIENCE_S, remove_ring
from radgate_server.adapters.audit_spool.spool import FileAuditSpool
from radgate_server.adapters.audit_spool.terms import END, READY, LineHandler, Terms, problem_line
from radgate_server.adapters.database.audit_drain import GATHER_S, SpoolDrain
from radgate_server.adapters.database.engine import open_engine
from radgate_server.adapters.secrets.spool_cipher import SpoolCiphers
from radgate_server.core.errors import GatewayError, SpoolFullError
from radgate_server.core.failure_text import describe_failure
from radgate_server.core.quick_audit import SETTLE_S

_log = logging.getLogger(__name__)

BUSY_S, IDLE_S = 0.005, 0.01
"""Between two looks into the ring, while records come and while none do: nobody wakes it for them."""

ROOM_S = 0.05
"""Between two attempts at a spool that is full, at the end."""

AT_ONCE = 500
"""So many records make one frame of a segment, at most."""


class Hurry(Protocol):
    """What brings records from the spool to the database (SpoolDrain)."""

    def hurry(self) -> int:
        """Let what waits now go at once; the segment with which it is gone."""
        ...


class Recorder:
    """Moves records from the ring to the spool until the server ends; the drain's thread takes them on from there."""

    def __init__(self, ring: Ring, spool: FileAuditSpool, drain: Hurry) -> None:
        self._ring = ring
        self._spool = spool
        self._drain = drain
        self._trouble = ""
        self._most = AT_ONCE
        self._awaited: tuple[int, int] | None = None  # a position in the ring, and the segment that it has come into

    def work(self) -> float:
        """Do what is to be done now; how many seconds there are until the next look."""
        moved = self._move()
        self._settle()
        self._ring.tell(self._spool.state, refusing=bool(self._trouble))
        return BUSY_S if moved or self._awaited else IDLE_S

    def finish(self) -> bool:
        """Move the rest; whether that worked."""
        while self._move():
            self._ring.tell(self._spool.state, refusing=False)
        return not self._trouble

    def _move(self) -> bool:
        """Move some; whether there were any, and the spool took them. When it is nearly full it takes fewer at once."""
        while True:
            contents, position = self._ring.look(self._most)
            if not contents:
                self._trouble = ""
                return False
            try:
                self._spool.append(contents, partial(self._ring.free, position))
            except SpoolFullError as error:
                self._most = max(1, len(contents) // 2)
                if len(contents) == 1:
                    self._refuse(error.message)
                    return False
            else:
                self._most = min(AT_ONCE, 2 * self._most)
                self._trouble = ""
                return True

    def _refuse(self, trouble: str) -> None:
        if trouble != self._trouble:
            _log.error("the audit trail can't be written: %s", trouble)
        self._trouble = trouble

    def _settle(self) -> None:
        """Have in the database what somebody waits for, and say so."""
        asked = self._ring.asked
        if self._awaited is None and self._ring.settled < asked <= self._ring.taken:
            self._awaited = asked, self._drain.hurry()
        if self._awaited is not None and not self._spool.is_waiting(self._awaited[1]):
            self._ring.settle(self._awaited[0])
            self._awaited = None


def pass_over_kept(ring: Ring, spool: FileAuditSpool) -> None:
    """Let go of what an earlier recorder of this ring wrote into the spool, but was killed before it said so.

    Nothing may go from the spool to the database before.
    """
    kept = list(spool.last_kept())
    contents, position = ring.look(len(kept))
    if contents == kept:
        ring.free(position)


def main(socket_fd: int, ring_fd: int) -> None:
    """Keep records until the server ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    server, ring = socket.socket(fileno=socket_fd), Ring(ring_fd)
    with server.makefile("rb", buffering=0) as stream:
        terms = Terms.read(stream.readline())
    logging.basicConfig(level=logging.WARNING, handlers=[LineHandler(server)])
    try:
        engine = open_engine(terms.database_url)
        ciphers = SpoolCiphers(terms.data_dir)
        spool = FileAuditSpool(terms.folder, ciphers, limit_bytes=terms.limit_bytes, patience_s=PATIENCE_S)
        pass_over_kept(ring, spool)
    except Exception as error:  # noqa: BLE001 - the server says so, and stops or tries again
        problem = error.message if isinstance(error, GatewayError) else f"the audit spool: {describe_failure(error)}"
        server.sendall(problem_line(problem))
        return
    drain = SpoolDrain(engine, spool, gather_s=GATHER_S)
    failed = False
    try:
        recorder = Recorder(ring, spool, drain)
        recorder.work()
        with suppress(OSError):  # the server has died already
            server.sendall(READY)
        orderly = _until_ended(recorder, server)
        _end(recorder, spool, drain, orderly=orderly)
        if not orderly:
            remove_ring(ring, terms.folder)
    except Exception as error:  # noqa: BLE001 - its text may hold data; the server starts another recorder
        _log.critical("the recorder of the audit trail fails: %s", describe_failure(error))
        failed = True
    os._exit(failed)  # a transaction that is under way ends as if we had been killed, which the spool is made for


def _until_ended(recorder: Recorder, server: socket.socket) -> bool:
    """Work; whether the server ended us, rather than died."""
    while True:
        pause_s = recorder.work()
        if select.select([server], [], [], pause_s)[0]:
            heard = b""
            with suppress(ConnectionError):  # it died, and has not read what we had to log
                heard = server.recv(1024)
            if not heard or END in heard:
                return bool(heard)


def _end(recorder: Recorder, spool: FileAuditSpool, drain: SpoolDrain, *, orderly: bool) -> None:
    """Have in the spool what was put, and in the database too if the server waits for that; the next start goes on.

    A spool that is full may have room again when the drain has gone on for a while.
    """
    deadline_s = time.monotonic() + SETTLE_S
    while not (kept := recorder.finish()) and time.monotonic() < deadline_s:
        drain.hurry()
        time.sleep(ROOM_S)
    if not kept:
        _log.critical("records of the audit trail stay in memory for the next start: the audit spool takes nothing")
    if not orderly:
        spool.sync()
        return
    newest = drain.hurry()
    while spool.is_waiting(newest) and time.monotonic() < deadline_s:
        time.sleep(BUSY_S)
    drain.close()
    spool.close()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
