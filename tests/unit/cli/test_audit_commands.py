"""`radgate audit` on an installation in a temporary folder."""

import gzip
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from fhir.resources.R4B.auditevent import AuditEvent

from radgate_server.adapters.audit.spool import FileAuditSpool
from radgate_server.adapters.secrets.spool_cipher import SpoolCiphers
from radgate_server.core.audit.chain import content_of
from tests.conformance.database_suites import audit_entry
from tests.unit.cli.command_line import Cli
from tests.unit.core.audit.export.audit_message import check


def attack(cli: Cli, sql: str) -> None:
    with closing(sqlite3.connect(cli.data_dir / "radgate.db")) as connection:
        connection.execute(sql)
        connection.commit()


@pytest.fixture
def audited(north: Cli) -> Cli:
    """With four records of tenant north."""
    for _ in range(4):
        north.ok("cache", "invalidate", "--tenant", "north")
    return north


def test_the_spool_of_a_lost_server_is_imported_once(north: Cli, tmp_path: Path) -> None:
    spool = FileAuditSpool(tmp_path / "lost", SpoolCiphers(north.data_dir), limit_bytes=1 << 20)
    spool.append([content_of(audit_entry(number)) for number in range(3)])
    spool.close()
    assert north.ok("audit", "import-spool", str(tmp_path / "lost")).stdout == "3 records were added to the trail\n"
    north.ok("audit", "verify")
    assert "no records" in north.refused("audit", "import-spool", str(tmp_path / "lost"))


def test_a_whole_trail_is_reported(audited: Cli) -> None:
    result = audited.ok("audit", "verify")
    assert result.stdout == ""
    first, not_excluded, last = result.stderr.splitlines()
    assert (first, last) == (
        "looked at 5 records, their index, and 0 checkpoints",
        "the audit trail is whole, and its index agrees with it",
    )
    assert not_excluded.startswith("No checkpoint that was kept outside was given: ")
    assert "looked at 4 records" in audited.ok("audit", "verify", "--tenant", "north").stderr


def test_records_that_wait_for_a_server_are_reported(audited: Cli) -> None:
    folder = audited.data_dir / "audit-spool"
    folder.mkdir()
    (folder / "000000000001.spool").touch()
    words = "newer records wait in data_dir/audit-spool (1 file); a server brings them to the database\n"
    assert words not in audited.ok("audit", "verify").stderr  # a server may be at it
    os.utime(folder / "000000000001.spool", (1e9, 1e9))
    for command in (["verify"], ["checkpoints"], ["search", "--tenant", "north"]):
        assert audited.ok("audit", *command).stderr.startswith(words)


def test_the_first_broken_record_is_reported(audited: Cli) -> None:
    attack(audited, "UPDATE audit_entries SET address = '' WHERE tenant_id = 'north' AND sequence = 2")
    result = audited.run("audit", "verify")
    assert result.exit_code == 1
    assert result.stdout == "tenant north, record 2: the record was changed: its hash is not that of its content\n"
    audited.ok("audit", "verify", "--tenant", "")


def test_a_checkpoint_kept_elsewhere_finds_what_was_cut(audited: Cli, tmp_path: Path) -> None:
    kept, key = tmp_path / "kept.jsonl", tmp_path / "key.pem"
    kept.write_text(audited.ok("audit", "checkpoint", "--tenant", "north").stdout)
    key.write_text(audited.ok("audit", "public-key").stdout)
    assert audited.ok("audit", "checkpoints").stdout == kept.read_text()
    arguments = ("audit", "verify", "--checkpoint", str(kept), "--public-key", str(key))
    audited.ok(*arguments)
    attack(audited, "DELETE FROM audit_entries WHERE tenant_id = 'north' AND sequence > 2")
    attack(audited, "UPDATE audit_heads SET sequence = 2, record_hash = x'00' WHERE tenant_id = 'north'")
    attack(audited, "DELETE FROM audit_checkpoints")
    audited.ok("audit", "verify")
    result = audited.run(*arguments)
    assert result.exit_code == 1
    assert result.stdout.startswith(
        "tenant north, record 3: the record is missing, and all after it up to 4, as a check"
    )


def test_what_an_outside_checkpoint_does_not_vouch_for_is_reported(audited: Cli, tmp_path: Path) -> None:
    (tmp_path / "kept.jsonl").write_text(audited.ok("audit", "checkpoint", "--tenant", "north").stdout)
    reported = audited.ok("audit", "verify", "--checkpoint", str(tmp_path / "kept.jsonl")).stderr
    assert (
        "What came after the newest outside checkpoint (record of tenant: north 4) may have been rewritten" in reported
    )
    assert "Of (none) no outside checkpoint was given." in reported


def test_entries_taken_from_the_index_are_reported_and_made_again(audited: Cli) -> None:
    assert "NOT COMPLETE" not in audited.ok("audit", "search", "--tenant", "north").stderr
    attack(audited, "DELETE FROM audit_index WHERE tenant_id = 'north' AND term = 'u:cli'")
    result = audited.run("audit", "verify")
    assert result.exit_code == 1
    assert result.stdout.startswith("tenant north, index: entries about records 1 to 5 are not what the records give")
    searched = audited.ok("audit", "search", "--tenant", "north", "--user", "cli")
    assert "NOT COMPLETE: the index has 5 entries and should have 6" in searched.stderr
    report = audited.ok("audit", "report", "user-activity", "--tenant", "north", "--subject", "cli").stdout
    assert "NOT COMPLETE" in report
    audited.ok("audit", "index", "rebuild", "--tenant", "north")
    audited.ok("audit", "verify")
    searched = audited.ok("audit", "search", "--tenant", "north", "--user", "cli")
    assert "NOT COMPLETE" not in searched.stderr
    assert "rebuild the index of the audit trail" in searched.stdout
    assert audited.run("audit", "index", "rebuild", "--tenant", "nosuch").exit_code == 1


def test_another_installations_key_vouches_for_nothing(audited: Cli, tmp_path: Path) -> None:
    audited.ok("audit", "checkpoint", "--tenant", "north")
    other = Cli(tmp_path / "other")
    other.ok("tenant", "create", "south")
    (tmp_path / "other.pem").write_text(other.ok("audit", "public-key").stdout)
    result = audited.run("audit", "verify", "--public-key", str(tmp_path / "other.pem"))
    assert result.exit_code == 1
    assert "is by an unknown key" in result.stdout


def test_the_key_is_the_owners_alone_and_its_public_half_is_printed(audited: Cli) -> None:
    assert (audited.data_dir / "audit-signing.key").stat().st_mode & 0o777 == 0o600
    load_pem_public_key(audited.ok("audit", "public-key").stdout.encode())


def test_records_are_exported_and_the_export_too(audited: Cli) -> None:
    lines = [json.loads(line) for line in audited.ok("audit", "export", "--tenant", "north").stdout.splitlines()]
    assert [line["sequence"] for line in lines] == [1, 2, 3, 4, 5]
    assert [line["action"] for line in lines] == ["configure"] * 4 + ["export-audit"]
    assert lines[0]["detail"] == "invalidate cache"
    assert (lines[0]["size_bytes"], lines[0]["outcome"], len(lines[0]["hash"])) == (None, "granted", 64)
    since = lines[4]["time"]
    later = audited.ok("audit", "export", "--tenant", "north", "--since", since, "--format", "jsonl").stdout
    assert [json.loads(line)["sequence"] for line in later.splitlines()] == [5, 6]
    assert "not a time" in audited.refused("audit", "export", "--tenant", "north", "--since", "then", status=2)


def test_records_are_exported_as_others_read_them(audited: Cli) -> None:
    messages = audited.ok("audit", "export", "--tenant", "north", "--format", "dicom").stdout.splitlines()
    for message in messages:
        check(fromstring(message))
    events = audited.ok("audit", "export", "--tenant", "north", "--format", "fhir").stdout.splitlines()
    assert (len(messages), len(events)) == (5, 6)
    assert {AuditEvent.model_validate_json(event).action for event in events} == {"E", "R"}


def test_what_can_not_be_used_is_reported(audited: Cli, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("\nnothing\n")
    assert "line 2 of the file" in audited.refused("audit", "verify", "--checkpoint", str(wrong))
    assert "no Ed25519 public key" in audited.refused("audit", "verify", "--public-key", str(wrong))
    assert "nothing has been recorded" in audited.refused("audit", "checkpoint", "--tenant", "south")


def test_a_log_of_the_edge_that_can_not_be_read_to_its_end_is_reported(north: Cli, tmp_path: Path) -> None:
    fields = "#Fields: date time c-ip cs-uri-stem cs-uri-query sc-status sc-bytes cs(User-Agent)"
    whole, cut = tmp_path / "whole.gz", tmp_path / "cut.gz"
    line = "2026-01-01\t00:00:00\t203.0.113.9\t/\t-\t200\t7\tcurl\tHit\tr1"
    text = f"{fields} x-edge-result-type x-edge-request-id\n{line}\n"
    whole.write_bytes(gzip.compress(text.encode()))
    cut.write_bytes(gzip.compress(f"{text}junk\n".encode())[:-9])
    counts = "recorded 0 accesses; 0 were known, 1 are not of our URLs, 0 are too old, {} lines can't be read\n"
    assert north.ok("audit", "import-edge-log", str(whole)).stderr == f"{whole}: {counts.format(0)}"
    result = north.run("audit", "import-edge-log", str(whole), str(cut))
    assert result.exit_code == 1
    assert f"{cut}: the file is damaged, and was read as far as that goes; fetch it again\n" in result.stderr
