"""Receivers of alerts on this machine: a web server that stands for Slack and PagerDuty, and a mail server."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "radgate", "mail-secret"


@dataclass(frozen=True)
class Posted:
    """One request: its path, its headers (lower case), and its body."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass
class WebReceiver:
    """Takes what is posted; answers with `statuses` one after the other, then with 202."""

    url: str = ""
    posted: list[Posted] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def at(self, path: str) -> list[Any]:
        """The documents that were posted there."""
        return [each.document for each in self.posted if each.path == path]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.posted.append(Posted(head[0].split(" ")[1], headers, body))
            status = self.statuses.pop(0) if self.statuses else 202
            head_of_answer = f"HTTP/1.1 {status} Status\r\ncontent-type: text/plain\r\ncontent-length: 2"
            answer = f"{head_of_answer}\r\nconnection: close\r\n\r\nok"  # as Slack says it
            writer.write(answer.encode())
            await writer.drain()
        finally:
            writer.close()


@dataclass
class Mailbox:
    """Takes mails; `codes` are answers to the next ones instead, such as "451 later"."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        if self.codes:
            return self.codes.pop(0)
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        assert server.transport is not None
        self.encrypted.append(server.transport.get_extra_info("sslcontext") is not None)
        return "250 taken"

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: LoginPassword
    ) -> AuthResult:
        self.logins.append(data.login.decode())
        return AuthResult(success=(data.login, data.password) == (USER.encode(), PASSWORD.encode()))


@asynccontextmanager
async def web_receiver(tls: ssl.SSLContext | None = None) -> AsyncIterator[WebReceiver]:
    receiver = WebReceiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    receiver.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield receiver


@asynccontextmanager
async def mailbox(
    *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None, login: bool = False
) -> AsyncIterator[Mailbox]:
    """A mail server: in the clear, with STARTTLS, or with TLS from the first byte; `login` makes it ask who."""
    box = Mailbox()

    def session() -> SMTP:
        return SMTP(
            box,
            hostname="mail.example",
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=box.authenticate,
            auth_required=login,
            auth_require_tls=tls is None,
        )

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0, ssl=tls)
    box.port = server.sockets[0].getsockname()[1]
    async with server:
        yield box
