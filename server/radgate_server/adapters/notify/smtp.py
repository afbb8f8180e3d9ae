"""Mailboxes: one mail for each notice."""

from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from radgate_server.adapters.notify.mailing import one_line, send
from radgate_server.core.alerts.alert import AlertState, Notice, Severity
from radgate_server.settings.alerts import SmtpReceiver


class SmtpNotifier:
    """Notifier by one mail for each notice."""

    def __init__(self, receiver: SmtpReceiver) -> None:
        self._receiver = receiver

    async def deliver(self, notice: Notice) -> None:
        """Hand the mail to the server. Raises NotDeliveredError."""
        await send(self._receiver, mail_of(notice, self._receiver))


def mail_of(notice: Notice, receiver: SmtpReceiver) -> EmailMessage:
    """Return the mail. Mails of one alert refer to the same message, so that mail programs show them as one thread."""
    alert = notice.alert
    mail = EmailMessage()
    mail["Subject"] = one_line(notice.title)
    mail["From"] = receiver.sender
    mail["To"] = ", ".join(receiver.recipients)
    mail["Date"] = format_datetime(notice.time)
    domain = receiver.sender.rpartition("@")[2]
    mail["Message-ID"] = make_msgid(domain=domain)
    mail["References"] = f"<{alert.name.lower()}.{notice.since.timestamp():.0f}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    if alert.severity is Severity.CRITICAL and notice.state is AlertState.FIRING:
        mail["Importance"] = "high"
    mail.set_content(text_of(notice))
    return mail


def text_of(notice: Notice) -> str:
    """Return the mail's text."""
    alert = notice.alert
    lines = [f"{alert.summary}.", ""]
    if notice.state is AlertState.RESOLVED:
        lines += [f"This is over. It began at {notice.since:%Y-%m-%d %H:%M:%S} UTC."]
    else:
        lines += [f"Since:    {notice.since:%Y-%m-%d %H:%M:%S} UTC", f"Severity: {alert.severity.value}"]
        lines += ["", "What to do:", alert.remedy, "", f"Runbook: {alert.runbook_url}"]
    return "\n".join(lines) + "\n"
