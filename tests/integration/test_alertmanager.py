"""The delivered configuration of Alertmanager, in the program itself: who is notified what."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import pytest
import yaml

from tests.integration.alertmanager import DELIVERED, Alertmanager
from tests.integration.receivers import Mailbox, WebReceiver, mailbox, web_receiver
from tests.integration.waiting import until

PROMETHEUS = DELIVERED.parent / "prometheus"


@dataclass
class Rig:
    manager: Alertmanager
    web: WebReceiver
    mail: Mailbox

    async def fire(self, name: str, severity: str, *, over: bool = False, **labels: str) -> None:
        await asyncio.to_thread(lambda: self.manager.fire(name, severity, over=over, **labels))

    def subjects(self) -> list[str]:
        return [str(mail["Subject"]) for mail in self.mail.mails]

    def pages(self) -> list[tuple[str, str]]:
        """What PagerDuty was reported: action and summary."""
        return [(event["event_action"], event["payload"]["summary"]) for event in self.web.at("/pagerduty")]

    def messages(self) -> list[str]:
        """Slack's titles."""
        return [message["attachments"][0]["title"] for message in self.web.at("/slack")]


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with web_receiver() as web, mailbox() as box:
        manager = Alertmanager(tmp_path, web.url, box.port)
        await asyncio.to_thread(manager.__enter__)
        yield Rig(manager, web, box)
        await asyncio.to_thread(manager.__exit__)


async def test_what_is_critical_reaches_everybody_and_so_does_its_end(rig: Rig) -> None:
    await rig.fire("RadgatePacsDown", "critical", tenant="east", pacs="main")
    await until(lambda: bool(rig.pages() and rig.messages() and rig.subjects()))
    assert rig.pages() == [("trigger", "RadgatePacsDown of east")]
    assert rig.messages() == ["[FIRING] RadgatePacsDown of east"]
    assert rig.subjects() == ["[FIRING] RadgatePacsDown of east"]
    (event,) = rig.web.at("/pagerduty")
    assert event["routing_key"] == "routing-key"
    assert event["payload"]["severity"] == "critical"
    assert event["payload"]["custom_details"]["remedy"] == "remedy of RadgatePacsDown"
    assert event["links"] == [{"href": "https://runbook.example/#radgatepacsdown", "text": "Runbook"}]
    text = text_of(rig.mail.mails[0])
    assert "remedy of RadgatePacsDown" in text
    assert "https://runbook.example/#radgatepacsdown" in text
    await rig.fire("RadgatePacsDown", "critical", over=True, tenant="east", pacs="main")
    await until(lambda: len(rig.pages()) > 1 and len(rig.messages()) > 1 and len(rig.subjects()) > 1)
    assert rig.pages()[1][0] == "resolve"
    assert rig.messages()[1] == rig.subjects()[1] == "[RESOLVED] RadgatePacsDown of east"


async def test_a_warning_wakes_nobody(rig: Rig) -> None:
    await rig.fire("RadgateDiskFilling", "warning", instance="a")
    await until(lambda: bool(rig.messages() and rig.subjects()))
    assert rig.pages() == []


async def test_what_follows_from_something_worse_is_not_reported(rig: Rig) -> None:
    await rig.fire("RadgatePacsDown", "critical", tenant="east", pacs="main")
    await until(lambda: bool(rig.subjects()))  # Alertmanager learns of what inhibits beside what it notifies of
    await rig.fire("RadgatePacsBreakerOpen", "warning", tenant="east", pacs="main", operation="find")
    await rig.fire("RadgatePacsBreakerOpen", "warning", tenant="west", pacs="main", operation="store")
    await until(lambda: len(rig.subjects()) >= 2)
    assert sorted(rig.subjects()) == [
        "[FIRING] RadgatePacsBreakerOpen of west",
        "[FIRING] RadgatePacsDown of east",
    ]
    assert await asyncio.to_thread(rig.manager.suppressed) == [("RadgatePacsBreakerOpen", "east")]


def test_amtool_finds_nothing_wrong() -> None:
    done = subprocess.run(
        ["/usr/bin/amtool", "check-config", DELIVERED / "alertmanager.yaml"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "6 inhibit rules" in done.stdout


def test_inhibitions_name_alerts_that_there_are() -> None:
    names = {
        rule["alert"]
        for file in (PROMETHEUS / "rules").glob("*.yaml")
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
    }
    inhibitions = yaml.safe_load((DELIVERED / "alertmanager.yaml").read_text())["inhibit_rules"]
    named = {
        name
        for inhibition in inhibitions
        for matcher in (*inhibition["source_matchers"], *inhibition["target_matchers"])
        if ".+" not in matcher
        for name in matcher.replace('"', "").split(" ")[-1].split("|")
    }
    assert named <= names
