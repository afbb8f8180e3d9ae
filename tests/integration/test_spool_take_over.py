"""A server that was killed has records in its spool: another one carries them into the chain, each once."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from radgate_server.adapters.audit.spool import FileAuditSpool
from radgate_server.adapters.database.audit.trail import SqlAuditTrail
from radgate_server.adapters.database.audit.waiting import SqlAuditSink
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.migration import migrate
from radgate_server.adapters.secrets.spool_cipher import SpoolCiphers
from radgate_server.core.audit.chain import WORDS, content_of
from radgate_server.core.audit.verification import ChainVerifier, StoredRecord
from radgate_server.core.errors import ConfigurationError
from radgate_server.installation.left_spools import FolderLeftSpools, import_spool
from radgate_server.settings.settings import Settings, load_settings
from tests.conformance.database_suites import audit_entry
from tests.integration.postgres import Postgres, running_postgres

COUNT = 92


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/radgate.db"
    else:
        server: Postgres = request.getfixturevalue("server")
        url = server.new_database(f"{abs(hash(request.node.nodeid)):x}")
    migrate(url)
    return Database(url)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of the server that lives; `tmp_path / "other"` is the data folder of the other, with the same keys."""
    own, other = tmp_path / "own", tmp_path / "other"
    own.mkdir()
    (own / "audit-spool").mkdir()
    SpoolCiphers(own)
    shutil.copytree(own, other)
    return load_settings(data_dir=own, audit={"other_data_dirs": [str(other)]})


def left_spools(settings: Settings, database: Database) -> FolderLeftSpools:
    return FolderLeftSpools(settings, database, settings.data_dir / "audit-spool")


def recording(data_dir: Path) -> subprocess.Popen[str]:
    """A server that has recorded, and is not yet killed."""
    command = [sys.executable, "-m", "tests.integration.audit_spooler", str(data_dir), "0", str(COUNT)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "recorded\n"
    age(data_dir / "audit-spool")
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def age(folder: Path) -> None:
    """What is there has waited for a while."""
    for file in folder.glob("*.spool"):
        os.utime(file, (time.time() - 60, time.time() - 60))


async def recorded(database: Database) -> list[int]:
    """The numbers of the entries in the order of the chain, which is whole."""
    trail, verifier, found = SqlAuditTrail(database), ChainVerifier(lambda *_: None), list[int]()

    def visit(rows: list[StoredRecord]) -> None:
        verifier.take(rows)
        found.extend(int(row.words[WORDS.index("request_id")].removeprefix("request-")) for row in rows)

    await trail.scan(visit, upto=await trail.last_number())
    assert verifier.finish(await trail.heads()) == ()
    return found


async def test_a_killed_servers_records_are_carried_into_the_chain_once(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    left = left_spools(settings, database)
    process = recording(tmp_path / "other")
    assert left.take_over() == 0  # it lives, and will do it itself
    kill(process)
    assert left.take_over() == COUNT
    assert left.take_over() == 0
    back = FileAuditSpool(tmp_path / "other" / "audit-spool", SpoolCiphers(tmp_path / "other"), limit_bytes=1 << 20)
    assert back.state.records == 0
    sink = SqlAuditSink(database, spool=back)
    await sink.record(audit_entry(COUNT))
    await sink.close()
    back.close()
    assert await recorded(database) == list(range(COUNT + 1))
    await database.close()


async def test_a_folder_of_a_process_below_the_data_folder_is_taken_over_too(
    settings: Settings, database: Database
) -> None:
    folder = settings.data_dir / "processes" / "2"
    spool = FileAuditSpool(folder / "audit-spool", SpoolCiphers(settings.data_dir), limit_bytes=1 << 20)
    spool.append([content_of(audit_entry(1))])
    spool.close()
    left = left_spools(settings, database)
    assert left.take_over() == 0  # it may be about to start
    age(folder / "audit-spool")
    assert left.take_over() == 1
    assert await recorded(database) == [1]
    await database.close()


async def test_a_copy_that_is_imported_adds_what_the_trail_lacks(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    kill(recording(tmp_path / "other"))
    folder, copy = tmp_path / "other" / "audit-spool", tmp_path / "copy"
    shutil.copytree(folder, copy)
    extra = FileAuditSpool(copy, SpoolCiphers(settings.data_dir), limit_bytes=1 << 20)
    extra.append([content_of(audit_entry(COUNT))])
    extra.close()
    assert left_spools(settings, database).take_over() == COUNT
    assert import_spool(settings, database, copy) == 1
    assert await recorded(database) == list(range(COUNT + 1))
    with pytest.raises(ConfigurationError, match="no records"):
        import_spool(settings, database, copy)
    await database.close()


async def test_what_another_installation_sealed_is_left_alone(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite:///{tmp_path}/radgate.db"
    migrate(url)
    database, stranger = Database(url), tmp_path / "other"
    for file in stranger.iterdir():
        if file.is_file():
            file.unlink()
    kill(recording(stranger))
    before = {file.name: file.read_bytes() for file in (stranger / "audit-spool").iterdir()}
    left = left_spools(settings, database)
    assert [left.take_over(), left.take_over()] == [0, 0]
    with pytest.raises(ConfigurationError, match="another installation's key"):
        import_spool(settings, database, stranger / "audit-spool")
    assert {file.name: file.read_bytes() for file in (stranger / "audit-spool").iterdir()} == before
    assert [record.message for record in caplog.records].count(
        "an audit spool of another process is sealed under another key, and is left alone"
    ) == 1
    await database.close()


async def test_a_server_that_starts_waits_for_who_commits_what_it_left(tmp_path: Path) -> None:
    ciphers = SpoolCiphers(tmp_path)
    holder = FileAuditSpool(tmp_path / "spool", ciphers, limit_bytes=1)
    with pytest.raises(ConfigurationError, match="audit spool"):
        FileAuditSpool(tmp_path / "spool", ciphers, limit_bytes=1)
    holder.close()
    FileAuditSpool(tmp_path / "spool", ciphers, limit_bytes=1, wait_s=1).close()
