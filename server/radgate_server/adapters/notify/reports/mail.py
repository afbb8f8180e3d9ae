"""Reports by mail, attached."""

import asyncio
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from radgate_server.adapters.notify.mailing import one_line, send
from radgate_server.adapters.notify.reports.files import content_of
from radgate_server.core.reports.ports.delivery import MadeReport
from radgate_server.settings.reports import MailReportReceiver


class MailReportSender:
    """ReportSender by one mail for each report."""

    def __init__(self, receiver: MailReportReceiver) -> None:
        self._receiver = receiver

    async def deliver(self, report: MadeReport) -> None:
        """Hand the mail to the server. Raises NotDeliveredError."""
        await send(self._receiver, await asyncio.to_thread(self._mail, report))

    def _mail(self, report: MadeReport) -> EmailMessage:
        return report_mail(report, content_of(report), self._receiver)


def report_mail(report: MadeReport, content: bytes, receiver: MailReportReceiver) -> EmailMessage:
    """Return the mail. Neither its subject nor its text names whom the report is about."""
    mail = EmailMessage()
    mail["Subject"] = one_line(report.title)
    mail["From"] = receiver.sender
    mail["To"] = ", ".join(receiver.recipients)
    mail["Date"] = formatdate(usegmt=True)
    mail["Message-ID"] = make_msgid(domain=receiver.sender.rpartition("@")[2])
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(f"{report.title}.\n\nThe report is attached. It holds patient data.\n")
    maintype, _, subtype = report.content_type.partition(";")[0].partition("/")
    mail.add_attachment(content, maintype=maintype, subtype=subtype, filename=report.file_name)
    return mail
