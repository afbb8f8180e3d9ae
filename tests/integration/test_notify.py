"""Notices as they arrive: at a web server that stands for Slack, PagerDuty and webhooks, and at a mail server."""

import hashlib
import hmac
from dataclasses import replace
from pathlib import Path

import pytest

from radgate_server.adapters.notify import build_notifier
from radgate_server.adapters.notify.webhook import SIGNATURE, WebhookNotifier
from radgate_server.core.alerts.alert import Alert, AlertState, Notice, Severity
from radgate_server.core.errors import NotDeliveredError
from radgate_server.settings.alerts import PagerDutyReceiver, SlackReceiver, SmtpReceiver, WebhookReceiver
from tests.fakes.clock import START
from tests.integration.certificates import server_context, write_certificate
from tests.integration.ports import free_port
from tests.integration.receivers import PASSWORD, USER, mailbox, web_receiver

ALERT = Alert(
    "RadgatePacsDown",
    Severity.CRITICAL,
    (("tenant", "east"), ("pacs", "<!channel> & main")),
    "PACS <!channel> & main of tenant east does not answer",
    "Start it.",
    "PACS_UNREACHABLE",
)
FIRING = Notice(ALERT, AlertState.FIRING, START, START, "north hospital")
RESOLVED = replace(FIRING, state=AlertState.RESOLVED)


async def test_a_webhook_is_signed_so_that_its_receiver_can_distinguish_it_from_others() -> None:
    async with web_receiver() as web:
        receiver = WebhookReceiver(kind="webhook", name="w", url=f"{web.url}/hook", secret="hook-secret")
        await WebhookNotifier(receiver, unix_s=lambda: 1_800_000_000.9).deliver(FIRING)
    (posted,) = web.posted
    assert posted.path == "/hook"
    expected = hmac.new(b"hook-secret", b"1800000000." + posted.body, hashlib.sha256).hexdigest()
    assert posted.headers[SIGNATURE.lower()] == f"t=1800000000,v1={expected}"
    assert posted.document == {
        "version": 1,
        "key": "RadgatePacsDown/tenant=east/pacs=<!channel> & main",
        "state": "firing",
        "reminder": False,
        "alert": "RadgatePacsDown",
        "severity": "critical",
        "site": "north hospital",
        "labels": {"tenant": "east", "pacs": "<!channel> & main"},
        "summary": "PACS <!channel> & main of tenant east does not answer",
        "remedy": "Start it.",
        "reason": "PACS_UNREACHABLE",
        "runbook": ALERT.runbook_url,
        "since": "2026-01-01T00:00:00+00:00",
        "time": "2026-01-01T00:00:00+00:00",
    }


async def test_slack_gets_one_message_in_which_no_name_can_call_the_channel() -> None:
    async with web_receiver() as web:
        notifier = build_notifier(SlackReceiver(kind="slack", name="s", url=f"{web.url}/services/T/B/x"))
        await notifier.deliver(FIRING)
        await notifier.deliver(RESOLVED)
    firing, resolved = web.at("/services/T/B/x")
    assert firing["text"].startswith("[FIRING] north hospital: PACS &lt;!channel&gt; &amp; main")
    assert "Start it." in firing["attachments"][0]["text"]
    assert resolved["text"].startswith("[RESOLVED] north hospital: PACS")
    assert firing["attachments"][0]["color"] != resolved["attachments"][0]["color"]


async def test_pagerduty_opens_and_closes_the_same_incident() -> None:
    async with web_receiver() as web:
        receiver = PagerDutyReceiver(kind="pagerduty", name="p", routing_key="key", url=f"{web.url}/v2/enqueue")
        notifier = build_notifier(receiver)
        await notifier.deliver(FIRING)
        await notifier.deliver(RESOLVED)
    firing, resolved = web.at("/v2/enqueue")
    assert [firing["event_action"], resolved["event_action"]] == ["trigger", "resolve"]
    assert firing["dedup_key"] == resolved["dedup_key"]
    assert firing["routing_key"] == "key"
    assert firing["payload"]["severity"] == "critical"
    assert firing["payload"]["source"] == "north hospital"
    assert firing["payload"]["custom_details"]["tenant"] == "east"


def smtp(port: int, **values: object) -> SmtpReceiver:
    return SmtpReceiver.model_validate(
        {
            "kind": "smtp",
            "name": "m",
            "host": "127.0.0.1",
            "port": port,
            "sender": "radgate@example.org",
            "recipients": ["a@example.org", "b@example.org"],
            **values,
        }
    )


async def test_mail_by_starttls_and_a_login(tmp_path: Path) -> None:
    certificate = write_certificate(tmp_path, "mail")
    secret = tmp_path / "password"
    secret.write_text(f"{PASSWORD}\n")
    async with mailbox(starttls=server_context(certificate), login=True) as box:
        receiver = smtp(box.port, username=USER, password_file=secret, ca_file=certificate[0])
        await build_notifier(receiver).deliver(FIRING)
        await build_notifier(receiver).deliver(RESOLVED)
    firing, resolved = box.mails
    assert box.encrypted == [True, True]
    assert firing["Subject"] == f"[FIRING] north hospital: {ALERT.summary} (PACS_UNREACHABLE)"
    assert (firing["To"], firing["From"]) == ("a@example.org, b@example.org", "radgate@example.org")
    assert firing["References"] == resolved["References"]
    assert (firing["Importance"], resolved["Importance"]) == ("high", None)
    assert "Start it." in firing.get_content()
    assert ALERT.runbook_url in firing.get_content()
    assert "This is over. It began at 2026-01-01 00:00:00 UTC." in resolved.get_content()


async def test_a_password_that_a_login_can_not_carry_is_reported(tmp_path: Path) -> None:
    certificate = write_certificate(tmp_path, "mail")
    secret = tmp_path / "password"
    secret.write_text("schlüssel", encoding="utf-8")
    async with mailbox(starttls=server_context(certificate), login=True) as box:
        receiver = smtp(box.port, username=USER, password_file=secret, ca_file=certificate[0])
        with pytest.raises(NotDeliveredError, match=r"password must be ASCII$") as caught:
            await build_notifier(receiver).deliver(FIRING)
    assert (box.logins, caught.value.passing) == ([], False)


async def test_a_password_is_of_no_account_without_a_username() -> None:
    async with mailbox() as box:
        await build_notifier(smtp(box.port, security="none", password="schlüssel")).deliver(FIRING)
    assert len(box.mails) == 1


async def test_mail_with_tls_from_the_first_byte(tmp_path: Path) -> None:
    certificate = write_certificate(tmp_path, "mail")
    async with mailbox(tls=server_context(certificate)) as box:
        await build_notifier(smtp(box.port, security="tls", ca_file=certificate[0])).deliver(FIRING)
    assert box.encrypted == [True]


async def test_no_mail_and_no_password_go_to_a_server_that_is_not_trusted(tmp_path: Path) -> None:
    certificate = write_certificate(tmp_path, "mail")
    async with mailbox(starttls=server_context(certificate), login=True) as box:
        with pytest.raises(NotDeliveredError, match=r"can't be used \(SSLCertVerificationError\)"):
            await build_notifier(smtp(box.port, username=USER, password=PASSWORD)).deliver(FIRING)
    assert (box.mails, box.logins) == ([], [])


@pytest.mark.parametrize(("answer", "passing"), [("451 try later", True), ("550 never", False)])
async def test_a_mail_server_that_says_no(answer: str, passing: bool) -> None:
    async with mailbox() as box:
        box.codes = [answer]
        with pytest.raises(NotDeliveredError) as caught:
            await build_notifier(smtp(box.port, security="none")).deliver(FIRING)
    assert caught.value.passing is passing


@pytest.mark.parametrize(("status", "passing"), [(503, True), (429, True), (400, False), (404, False), (302, False)])
async def test_a_web_server_that_says_no(status: int, passing: bool) -> None:
    async with web_receiver() as web:
        web.statuses = [status]
        receiver = SlackReceiver(kind="slack", name="s", url=f"{web.url}/secret-path")
        with pytest.raises(NotDeliveredError) as caught:
            await build_notifier(receiver).deliver(FIRING)
    assert caught.value.message == f"it answered with HTTP status {status}"
    assert caught.value.passing is passing


async def test_nobody_there() -> None:
    for receiver in (
        SlackReceiver(kind="slack", name="s", url=f"http://127.0.0.1:{free_port()}/secret-path"),
        smtp(free_port(), security="none"),
    ):
        with pytest.raises(NotDeliveredError) as caught:
            await build_notifier(receiver).deliver(FIRING)
        assert caught.value.passing
        assert "secret-path" not in caught.value.message


async def test_a_secret_that_changes_in_its_file_is_used(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    async with web_receiver() as web:
        notifier = build_notifier(SlackReceiver(kind="slack", name="s", url_file=secret))
        with pytest.raises(NotDeliveredError, match="secret can't be read"):
            await notifier.deliver(FIRING)
        for path in ("/one", "/two"):
            secret.write_text(f"{web.url}{path}\n")
            await notifier.deliver(FIRING)
    assert [posted.path for posted in web.posted] == ["/one", "/two"]


async def test_https_to_a_house_of_ones_own_authority(tmp_path: Path) -> None:
    certificate = write_certificate(tmp_path, "web")
    async with web_receiver(server_context(certificate)) as web:
        receiver = WebhookReceiver(kind="webhook", name="w", url=web.url, secret="s", ca_file=certificate[0])
        await build_notifier(receiver).deliver(FIRING)
        with pytest.raises(NotDeliveredError, match="ConnectError"):
            await build_notifier(receiver.model_copy(update={"ca_file": None})).deliver(FIRING)
    assert len(web.posted) == 1
