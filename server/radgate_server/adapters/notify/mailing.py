"""Hands mails to a mail server: SMTP with STARTTLS, or with TLS from the first byte."""

import smtplib
from email.message import EmailMessage

from radgate_server.adapters.notify.posting import TIMEOUT_S, trusting
from radgate_server.adapters.notify.secret_text import secret_text
from radgate_server.core.errors import NotDeliveredError
from radgate_server.receiver_settings import MailServer


def send(server: MailServer, mail: EmailMessage) -> None:
    """Hand the mail over. smtplib blocks, so each delivery needs a thread. Raises NotDeliveredError."""
    password = secret_text(server.password, server.password_file)
    try:
        with _connect(server) as connection:
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


def _connect(server: MailServer) -> smtplib.SMTP:
    if server.security == "tls":
        return smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_S, context=trusting(server.ca_file))
    connection = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)
    try:
        if server.security == "starttls":
            connection.starttls(context=trusting(server.ca_file))
    except BaseException:
        connection.close()
        raise
    return connection
