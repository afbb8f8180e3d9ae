"""`radgate alerts test` with receivers that take messages, and one that does not."""

import asyncio
import json
from pathlib import Path

from tests.integration.ports import free_port
from tests.integration.receivers import mailbox, web_receiver
from tests.unit.cli.command_line import Cli


def receivers(url: str, mail_port: int, missing_port: int) -> str:
    mail = {"kind": "smtp", "host": "127.0.0.1", "security": "none", "sender": "r@a.org", "recipients": ["o@a.org"]}
    return json.dumps(
        [
            {"kind": "slack", "name": "chat", "url": f"{url}/slack"},
            {**mail, "name": "mail", "port": mail_port},
            {**mail, "name": "gone", "port": missing_port},
        ]
    )


async def test_says_of_each_receiver_how_it_went(tmp_path: Path) -> None:
    cli = Cli(tmp_path / "data")
    async with web_receiver() as web, mailbox() as box:
        cli.environment["RADGATE_ALERTS__RECEIVERS"] = receivers(web.url, box.port, free_port())
        cli.environment["RADGATE_ALERTS__SITE"] = "north"
        result = await asyncio.to_thread(cli.run, "alerts", "test", "--json")
    rows = {row["receiver"]: row["result"] for row in json.loads(result.stdout)}
    assert rows["chat"] == rows["mail"] == "sent"
    assert rows["gone"] == "failed: the mail server can't be used (ConnectionRefusedError)"
    assert result.exit_code == 1
    title = "north: this is a test; alerts arrive"
    assert [message["text"] for message in web.at("/slack")] == [f"[FIRING] {title}", f"[RESOLVED] {title}"]
    assert [mail["Subject"] for mail in box.mails] == [f"[FIRING] {title}", f"[RESOLVED] {title}"]
