"""Hands mails to a mail server: SMTP with STARTTLS, or with TLS from the first byte."""

import asyncio
import smtplib
from email.message import EmailMessage

from radgate_server.adapters.notify.mail_line import LineSmtp, LineSmtpTls, MailLine
from radgate_server.adapters.notify.posting import trusting
from radgate_server.adapters.notify.secret_text import secret_text
from radgate_server.core.errors import NotDeliveredError
from radgate_server.settings.shared.receivers import MailServer


async def send(server: MailServer, mail: EmailMessage) -> None:
    """Hand the mail over. smtplib blocks, so it has a thread, which ends when this is cancelled.

    Raises:
        NotDeliveredError: the server does not take it.
    """
    line = MailLine()
    try:
        await asyncio.to_thread(_send, line, server, mail)
    finally:
        line.hang_up()


def _send(line: MailLine, server: MailServer, mail: EmailMessage) -> None:
    password = secret_text(server.password, server.password_file)
    if server.username and not password.isascii():
        raise NotDeliveredError("the mail server's password must be ASCII", passing=False)
    try:
        with _connect(line, server) as connection:
            if server.username:
                connection.login(server.username, password)
            connection.send_message(mail, server.sender, list(server.recipients))
    except smtplib.SMTPResponseException as error:  # 4xx are passing by RFC 5321 4.2.1
        raise NotDeliveredError(f"the mail server answered {error.smtp_code}", passing=error.smtp_code < 500) from None
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        raise NotDeliveredError("the mail server refuses all recipients", passing=min(codes) < 500) from None
    except (OSError, smtplib.SMTPException) as error:
        raise NotDeliveredError(f"the mail server can't be used ({type(error).__name__})", passing=True) from None


def one_line(text: str) -> str:
    """The text for a header: what is not printable would end it."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _connect(line: MailLine, server: MailServer) -> smtplib.SMTP:
    if server.security == "tls":
        return LineSmtpTls(line, server.host, server.port, context=trusting(server.ca_file))
    connection = LineSmtp(line, server.host, server.port)
    try:
        if server.security == "starttls":
            connection.starttls(context=trusting(server.ca_file))
    except BaseException:
        connection.close()
        raise
    return connection
