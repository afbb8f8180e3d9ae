"""`radgate alerts`: silences, and what is wrong with the command. The test messages are in tests/integration."""

import json
from datetime import UTC, datetime, timedelta

from radgate_server.adapters.notify import SilenceFile
from radgate_server.core.alerts.alert import Silence
from tests.unit.cli.command_line import Cli


def test_without_receivers_there_is_nothing_to_test(cli: Cli) -> None:
    assert "no receiver is configured" in cli.refused("alerts", "test")


def test_a_silence_from_its_beginning_to_its_end(north: Cli) -> None:
    made = north.ok("alerts", "silence", "RadgatePacsDown", "--tenant", "east", "--pacs", "main", "--hours", "2")
    silence_id = made.stdout.strip()
    (row,) = north.json("alerts", "silences")
    assert (row["id"], row["alert"], row["tenant"], row["pacs"]) == (silence_id, "RadgatePacsDown", "east", "main")
    (silence,) = SilenceFile(north.data_dir).silences()
    left = silence.until - datetime.now(UTC)
    assert timedelta(hours=1.9) < left <= timedelta(hours=2)
    assert silence.labels == (("tenant", "east"), ("pacs", "main"))
    north.ok("alerts", "unsilence", silence_id)
    assert north.json("alerts", "silences") == []
    assert "no such silence" in north.refused("alerts", "unsilence", silence_id)


def test_an_alert_that_does_not_exist_is_reported_with_those_that_do(north: Cli) -> None:
    said = north.refused("alerts", "silence", "RadgatePacsDwn")
    assert "no alert of this name" in said
    assert "RadgatePacsDown" in said


def test_silences_that_are_over_are_not_listed(north: Cli) -> None:
    north.ok("alerts", "silence", "RadgateDiskFilling")
    book = SilenceFile(north.data_dir)
    over = Silence("old", "RadgatePacsDown", (), datetime(2020, 1, 1, tzinfo=UTC))
    book.write([*book.silences(), over])
    assert [row["alert"] for row in north.json("alerts", "silences")] == ["RadgateDiskFilling"]


def test_a_damaged_file_of_silences_silences_nothing(cli: Cli) -> None:
    cli.data_dir.mkdir()
    for text in ("", "{", "[1]", json.dumps([{"id": "a", "alert": "b", "labels": [], "until": "soon"}])):
        (cli.data_dir / "silences.json").write_text(text)
        assert SilenceFile(cli.data_dir).silences() == []
