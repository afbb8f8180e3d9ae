"""The drill: a PACS is killed, and mail, Slack and PagerDuty report it once; it comes back, and they report that."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel

from radgate_server.adapters.clock import SystemClock
from radgate_server.adapters.notify import SilenceFile
from radgate_server.app import build_app
from radgate_server.core.access.tenancy import Tenant
from radgate_server.core.alerts.alert import Silence
from radgate_server.core.pacs.connections import DimseConnection, PacsConfig
from radgate_server.core.pacs.health import Health
from radgate_server.installation.gate import Purpose
from radgate_server.installation.opening import Installation, open_installation
from radgate_server.settings.alerts import AlertsSettings, PagerDutyReceiver, SlackReceiver, SmtpReceiver
from radgate_server.settings.gateway import GatewaySettings
from radgate_server.settings.pacs import PacsSettings
from radgate_server.settings.settings import Settings
from tests.integration.orthanc import OrthancServer
from tests.integration.ports import free_port
from tests.integration.receivers import Mailbox, WebReceiver, mailbox, web_receiver
from tests.integration.waiting import until

TITLE = "drill: PACS main of tenant east does not answer"
SLACK, PAGERDUTY = "/services/T/B/x", "/v2/enqueue"


@dataclass
class Site:
    """A server with three receivers in front of an Orthanc."""

    orthanc: OrthancServer
    web: WebReceiver
    mail: Mailbox
    settings: Settings
    installation: Installation

    async def add_pacs(self, name: str, port: int) -> None:
        connection = DimseConnection("127.0.0.1", port, self.orthanc.ae_title, "RADGATE")
        await self.installation.directories.pacs.create_pacs(PacsConfig("east", name, connection, SystemClock().now()))

    async def until_down(self, name: str) -> None:
        async with asyncio.timeout(60):
            while (name, Health.DOWN) not in [
                (status.name, status.health)
                for status in await self.installation.directories.statuses.list_statuses("east")
            ]:
                await asyncio.sleep(0.02)

    def reported(self) -> dict[str, list[str]]:
        """The titles that arrived so far, by receiver."""
        return {
            "mail": [str(mail["Subject"]) for mail in self.mail.mails],
            "slack": [message["text"] for message in self.web.at(SLACK)],
            "pagerduty": [f"{event['event_action']} {event['payload']['summary']}" for event in self.web.at(PAGERDUTY)],
        }

    async def until_notified(self, count: int) -> dict[str, list[str]]:
        await until(lambda: all(len(titles) >= count for titles in self.reported().values()))
        return self.reported()


def receivers(web: WebReceiver, mail: Mailbox) -> list[BaseModel]:
    return [
        SlackReceiver(kind="slack", name="chat", url=f"{web.url}{SLACK}"),
        PagerDutyReceiver(kind="pagerduty", name="pager", routing_key="key", url=f"{web.url}{PAGERDUTY}"),
        SmtpReceiver(
            kind="smtp",
            name="mail",
            host="127.0.0.1",
            port=mail.port,
            security="none",
            sender="radgate@example.org",
            recipients=("ops@example.org",),
        ),
    ]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        orthanc = stack.enter_context(OrthancServer(tmp_path / "orthanc"))
        web = await stack.enter_async_context(web_receiver())
        mail = await stack.enter_async_context(mailbox())
        alerts = AlertsSettings(
            receivers=tuple(receivers(web, mail)), site="drill", interval_s=0.2, pacs_down_for_s=1, settle_s=1
        )
        settings = Settings(
            data_dir=tmp_path / "data",
            grpc_port=0,
            dicom_port=0,
            metrics_port=0,
            pacs=PacsSettings(probe_interval_s=0.5, probe_timeout_s=30),
            gateway=GatewaySettings(enabled=False),
            alerts=alerts,
        )
        clock = SystemClock()
        installation = await open_installation(stack, settings, clock, purpose=Purpose.BEGIN)
        await installation.directories.tenants.create_tenant(Tenant("east", clock.now()))
        site = Site(orthanc, web, mail, settings, installation)
        await site.add_pacs("main", orthanc.dicom_port)
        await stack.enter_async_context(build_app(settings))
        yield site


async def test_a_killed_pacs_is_reported_once_to_everybody_and_so_is_its_return(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.orthanc.kill()
    assert await site.until_notified(1) == {
        "mail": [f"[FIRING] {TITLE} (PACS_UNREACHABLE)"],
        "slack": [f"[FIRING] {TITLE} (PACS_UNREACHABLE)"],
        "pagerduty": [f"trigger {TITLE} (PACS_UNREACHABLE)"],
    }
    await asyncio.to_thread(site.orthanc.start)
    reported = await site.until_notified(2)
    assert reported == {
        "mail": [f"[FIRING] {TITLE} (PACS_UNREACHABLE)", f"[RESOLVED] {TITLE}"],
        "slack": [f"[FIRING] {TITLE} (PACS_UNREACHABLE)", f"[RESOLVED] {TITLE}"],
        "pagerduty": [f"trigger {TITLE} (PACS_UNREACHABLE)", f"resolve {TITLE}"],
    }
    (opened, closed) = site.web.at(PAGERDUTY)
    assert opened["dedup_key"] == closed["dedup_key"] == "radgate/drill/RadgatePacsDown/tenant=east/pacs=main"
    with capsys.disabled():
        for receiver, titles in reported.items():
            print(f"\n{receiver}:", *titles, sep="\n  ")


async def test_a_receiver_that_is_away_gets_it_later_and_the_others_at_once(site: Site) -> None:
    site.mail.codes = ["451 not now"]
    site.orthanc.kill()
    reported = await site.until_notified(1)
    assert reported["mail"] == [f"[FIRING] {TITLE} (PACS_UNREACHABLE)"]
    assert site.mail.codes == []


async def test_a_pacs_in_maintenance_that_is_silenced_is_reported_to_nobody_until_then(site: Site) -> None:
    book = SilenceFile(site.settings.data_dir)
    book.write([Silence("1", "RadgatePacsDown", (("pacs", "main"),), SystemClock().now() + timedelta(hours=1))])
    site.orthanc.kill()
    await site.until_down("main")
    await site.add_pacs("later", free_port())  # by the time that everybody hears of it, the first one would be reported
    for titles in (await site.until_notified(1)).values():
        assert len(titles) == 1
        assert "later" in titles[0]
    book.write([])
    for titles in (await site.until_notified(2)).values():
        assert TITLE in titles[1]
