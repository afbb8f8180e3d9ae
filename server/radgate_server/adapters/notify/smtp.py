"""Mailboxes, by a mail server: SMTP with STARTTLS, or with TLS from the first byte."""

import asyncio
import smtplib
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from radgate_server.adapters.notify.posting import TIMEOUT_S, trusting
from radgate_server.adapters.notify.secret_text import secret_text
from radgate_server.alert_settings import SmtpReceiver
from radgate_server.core.alerts import AlertState, Notice, Severity
from radgate_server.core.errors import NotDeliveredError


class SmtpNotifier:
    """Notifier by one mail for each notice. smtplib blocks, so each delivery has a thread."""

    def __init__(self, receiver: SmtpReceiver) -> None:
        self._receiver = receiver

    async def deliver(self, notice: Notice) -> None:
        """Hand the mail to the server. Raises NotDeliveredError."""
        await asyncio.to_thread(self._send, mail_of(notice, self._receiver))

    def _send(self, mail: EmailMessage) -> None:
        password = secret_text(self._receiver.password, self._receiver.password_file)
        try:
            with self._connect() as server:
                if self._receiver.username:
                    server.login(self._receiver.username, password)
                server.send_message(mail, self._receiver.sender, list(self._receiver.recipients))
        except smtplib.SMTPResponseException as error:  # 4xx are passing by RFC 5321 4.2.1
            raise NotDeliveredError(
                f"the mail server answered {error.smtp_code}", passing=error.smtp_code < 500
            ) from None
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise NotDeliveredError("the mail server refuses all recipients", passing=min(codes) < 500) from None
        except (OSError, smtplib.SMTPException) as error:
            raise NotDeliveredError(f"the mail server can't be used ({type(error).__name__})", passing=True) from None

    def _connect(self) -> smtplib.SMTP:
        host, port, security = self._receiver.host, self._receiver.port, self._receiver.security
        if security == "tls":
            return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=trusting(self._receiver.ca_file))
        server = smtplib.SMTP(host, port, timeout=TIMEOUT_S)
        try:
            if security == "starttls":
                server.starttls(context=trusting(self._receiver.ca_file))
        except BaseException:
            server.close()
            raise
        return server


def mail_of(notice: Notice, receiver: SmtpReceiver) -> EmailMessage:
    """Return the mail. Mails of one alert refer to the same message, so that mail programs show them as one thread."""
    alert = notice.alert
    mail = EmailMessage()
    mail["Subject"] = "".join(character if character.isprintable() else "?" for character in notice.title)
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
