"""Reports as they arrive: at a mail server, at a web service, in a folder."""

import asyncio
import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from radgate_server.adapters.notify import build_report_senders
from radgate_server.adapters.notify.reports import files as report_files
from radgate_server.adapters.notify.reports.webhook import WebhookReportSender
from radgate_server.core.errors import NotDeliveredError
from radgate_server.core.reports.ports.delivery import MadeReport
from radgate_server.lib.sealed_file import SealedFile
from radgate_server.settings.reports import FolderReportReceiver, MailReportReceiver, WebhookReportReceiver
from tests.integration.certificates import server_context, write_certificate
from tests.integration.receivers import PASSWORD, USER, mailbox, web_receiver
from tests.open_files import open_below

CONTENT = b"%PDF-1.4 \x00\xff not really"


@pytest.fixture
def report(tmp_path: Path) -> Iterator[MadeReport]:
    """Sealed, as it is in transit."""
    content = SealedFile(tmp_path)
    content.append([CONTENT], last=True)
    yield MadeReport("Who saw this patient: north, weekly", "north-weekly-2026-01-04.pdf", "application/pdf", content)
    content.close()


def mail(port: int, **values: object) -> MailReportReceiver:
    receiver = {
        "kind": "smtp",
        "name": "mail",
        "host": "127.0.0.1",
        "port": port,
        "sender": "radgate@example.org",
        "recipients": ["privacy@example.org"],
        "tenants": ["north"],
        **values,
    }
    return MailReportReceiver.model_validate(receiver)


async def test_a_mail_has_the_report_attached_and_no_patient_in_its_words(report: MadeReport, tmp_path: Path) -> None:
    certificate = write_certificate(tmp_path, "mail")
    async with mailbox(starttls=server_context(certificate), login=True) as box:
        receiver = mail(box.port, username=USER, password=PASSWORD, ca_file=certificate[0])
        await build_report_senders([receiver])["mail"].deliver(report)
    (arrived,) = box.mails
    assert box.encrypted == [True]
    assert (arrived["Subject"], arrived["To"]) == (report.title, "privacy@example.org")
    (attached,) = arrived.iter_attachments()
    assert (attached.get_filename(), attached.get_content_type()) == (report.file_name, "application/pdf")
    assert attached.get_content() == CONTENT


async def test_a_mail_server_that_says_no_is_reported(report: MadeReport) -> None:
    async with mailbox() as box:
        box.codes = ["451 try later"]
        with pytest.raises(NotDeliveredError, match="the mail server answered 451"):
            await build_report_senders([mail(box.port, security="none")])["mail"].deliver(report)


async def test_a_report_that_is_too_large_is_not_sent(report: MadeReport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_files, "MAX_BYTES", 10)
    async with mailbox() as box:
        with pytest.raises(NotDeliveredError, match="larger than"):
            await build_report_senders([mail(box.port, security="none")])["mail"].deliver(report)
    assert box.mails == []


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
async def test_a_mail_server_that_is_waited_for_no_longer_is_hung_up_on(
    report: MadeReport, tmp_path: Path, security: str
) -> None:
    asked, hung_up = asyncio.Event(), asyncio.Event()

    async def say_nothing(*_: object) -> str:
        asked.set()
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            hung_up.set()

    certificate = write_certificate(tmp_path, "mail")
    context = None if security == "none" else server_context(certificate)
    async with mailbox(**({} if context is None else {security: context})) as box:
        box.handle_DATA = say_nothing  # type: ignore[method-assign]
        sender = build_report_senders([mail(box.port, security=security, ca_file=certificate[0])])["mail"]
        delivery = asyncio.create_task(sender.deliver(report))
        await asked.wait()
        delivery.cancel()
        async with asyncio.timeout(8):  # smtplib alone would wait for ten
            await hung_up.wait()
    with pytest.raises(asyncio.CancelledError):
        await delivery


async def test_a_webhook_is_signed_and_has_the_reports_type(report: MadeReport) -> None:
    async with web_receiver() as web:
        receiver = WebhookReportReceiver(
            kind="webhook", name="web", url=f"{web.url}/reports", secret="hook-secret", tenants=("north",)
        )
        await WebhookReportSender(receiver, unix_s=lambda: 1_800_000_000.9).deliver(report)
    (posted,) = web.posted
    expected = hmac.new(b"hook-secret", b"1800000000." + CONTENT, hashlib.sha256).hexdigest()
    assert (posted.path, posted.body) == ("/reports", CONTENT)
    assert posted.headers["x-radgate-signature"] == f"t=1800000000,v1={expected}"
    assert posted.headers["content-type"] == "application/pdf"
    assert posted.headers["content-disposition"] == f'attachment; filename="{report.file_name}"'


async def test_of_a_webhooks_answer_nothing_but_the_status_is_read(report: MadeReport) -> None:
    left = asyncio.Event()

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(CONTENT)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 314572800\r\n\r\nx")
        await reader.read()
        left.set()
        writer.close()

    async with await asyncio.start_server(trickle, "127.0.0.1", 0) as server, asyncio.timeout(60):
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        receiver = WebhookReportReceiver(kind="webhook", name="web", url=url, secret="s", tenants=("north",))
        await build_report_senders([receiver])["web"].deliver(report)
        assert await left.wait()


async def test_a_folder_gets_the_file_whole_and_for_its_owner_alone(report: MadeReport, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    receiver = FolderReportReceiver(kind="folder", name="archive", folder=folder, tenants=("north",))
    sender = build_report_senders([receiver])["archive"]
    for _ in range(2):
        await sender.deliver(report)
    (file,) = folder.iterdir()
    assert (file.name, file.read_bytes(), file.stat().st_mode & 0o777) == (report.file_name, CONTENT, 0o600)


async def test_a_folder_that_is_not_there_is_reported(report: MadeReport, tmp_path: Path) -> None:
    receiver = FolderReportReceiver(kind="folder", name="archive", folder=tmp_path / "gone", tenants=("north",))
    with pytest.raises(NotDeliveredError, match="No such file or directory"):
        await build_report_senders([receiver])["archive"].deliver(report)


async def test_a_folder_that_hangs_has_one_thread_alone(
    report: MadeReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, goes_on = asyncio.Event(), Event()
    loop = asyncio.get_running_loop()

    def hang(_: int) -> None:
        loop.call_soon_threadsafe(hangs.set)
        goes_on.wait()

    monkeypatch.setattr("os.fsync", hang)
    receiver = FolderReportReceiver(kind="folder", name="archive", folder=tmp_path, tenants=("north",))
    sender = build_report_senders([receiver])["archive"]
    first = asyncio.create_task(sender.deliver(report))
    try:
        await hangs.wait()
        async with asyncio.timeout(60):
            with pytest.raises(NotDeliveredError, match="an earlier report is still being written"):
                await sender.deliver(report)
    finally:
        goes_on.set()
    await first
    await sender.deliver(report)
    assert (tmp_path / report.file_name).read_bytes() == CONTENT


async def test_a_report_that_was_changed_on_the_disk_goes_nowhere(report: MadeReport, tmp_path: Path) -> None:
    (sealed,) = open_below(tmp_path)
    sealed.write_bytes(bytes(1000))
    folder = tmp_path / "archive"
    folder.mkdir()
    async with web_receiver() as web, mailbox() as box:
        receivers = [
            FolderReportReceiver(kind="folder", name="archive", folder=folder, tenants=("north",)),
            WebhookReportReceiver(kind="webhook", name="web", url=web.url, secret="hook-secret", tenants=("north",)),
            mail(box.port, security="none"),
        ]
        for sender in build_report_senders(receivers).values():
            with pytest.raises(NotDeliveredError, match="can't be read: a temporary file holds other bytes than were"):
                await sender.deliver(report)
    assert (list(folder.iterdir()), web.posted, box.mails) == ([], [], [])
