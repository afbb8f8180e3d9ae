"""A real PostgreSQL for tests, in a temporary folder, on a Unix socket only."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from tests.e2e.processes import kill_tree


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server."""

    programs: Path
    folder: Path

    @property
    def pid(self) -> int:
        """The process that has started all others."""
        return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])

    def new_database(self, name: str, template: str = "template1") -> str:
        """Make a database, a copy of that one to which nobody is connected; return its SQLAlchemy URL."""
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return f"postgresql+psycopg://postgres@/{name}?host={quote(str(self.folder), safe='')}"

    @contextmanager
    def database(self, name: str, template: str = "template1") -> Iterator[str]:
        """A database of its own for the block; its SQLAlchemy URL.

        Where there are many, each goes at its own end: some hundred files each, of all at once, may take minutes.
        """
        yield self.new_database(name, template)
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def stop(self) -> None:
        """Stop it at once; clients lose their connections."""
        self._control("stop", "-m", "fast")

    def kill(self) -> None:
        """Kill all its processes, as the kernel's out-of-memory killer does; it recovers by its log at its start."""
        kill_tree(self.pid)

    def start(self) -> None:
        """Start it; returns when it answers."""
        # -l keeps the server from holding on to our output.
        # Without fsync: no test survives a failure of power, and on a busy disk stopping would take its time.
        options = f"-c listen_addresses='' -c fsync=off -k {self.folder}"
        self._control("start", "-l", str(self.folder / "log"), "-o", options)

    def wait_until_ready(self, timeout_s: float = 60) -> None:
        """Return when a client can connect."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                psycopg.connect(self._conninfo("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    def _conninfo(self, name: str) -> str:
        return f"dbname={name} user=postgres host={self.folder}"

    def _control(self, *arguments: str) -> None:
        command = [str(self.programs / "pg_ctl"), "-w", "-t", "60", "-D", str(self.folder / "data"), *arguments]
        _run_unprivileged(command, self.folder)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Start a server; leaving stops it and removes its folder."""
    # Not below pytest's folder: a socket's path has at most 107 bytes, and the server's user must get there.
    folder = Path(tempfile.mkdtemp(prefix="radgate-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    server = Postgres(_find_programs(), folder)
    try:
        initdb = [str(server.programs / "initdb"), "-D", str(folder / "data"), "-A", "trust", "-U", "postgres"]
        _run_unprivileged([*initdb, "--no-sync", "-E", "UTF8", "--locale=C"], folder)
        server.start()
        try:
            server.wait_until_ready()
            yield server
        finally:
            if (folder / "data" / "postmaster.pid").exists():
                server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _find_programs() -> Path:
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not versions:
        raise RuntimeError("PostgreSQL is not installed")
    return versions[-1]


def _run_unprivileged(command: list[str], folder: Path) -> None:
    """Run it as the user postgres when we are root, whom PostgreSQL refuses."""
    prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
    done = subprocess.run([*prefix, *command], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr}")
