"""Connections to mail servers that another thread may hang up.

A timeout of smtplib is one of each reading: a server that sends a byte at intervals would keep a thread for ever.
"""

import smtplib
import socket
from contextlib import suppress
from threading import Lock
from typing import Any

from radgate_server.adapters.notify.posting import TIMEOUT_S


class MailLine:
    """What one thread talks over, and another may hang up."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._over = False
        self._connection: socket.socket | None = None

    def use(self, connection: socket.socket | None) -> bool:
        """Say which connection it is, None before it is closed; whether nobody has hung up."""
        with self._lock:
            self._connection = connection
            return not self._over

    def hang_up(self) -> None:
        """End the connection, now and as soon as there is one again. The thread that waits on it hears of that."""
        with self._lock:
            self._over = True
            if self._connection is not None:
                with suppress(OSError):
                    # An SSLSocket's own shutdown drops TLS first, and what is being sent would continue in the clear.
                    socket.socket.shutdown(self._connection, socket.SHUT_RDWR)


class LineSmtp(smtplib.SMTP):
    """SMTP over a MailLine. smtplib connects, and listens, as soon as it is made."""

    def __init__(self, line: MailLine, host: str, port: int, **options: Any) -> None:
        self._line = line
        super().__init__(host, port, timeout=TIMEOUT_S, **options)

    def getreply(self) -> tuple[int, bytes]:
        """Wait for what the server says, unless somebody has hung up."""
        if not self._line.use(self.sock):
            self.close()
            raise smtplib.SMTPServerDisconnected("hung up")
        return super().getreply()

    def close(self) -> None:
        """Close the connection, whose number may then be another's."""
        self._line.use(None)
        super().close()


class LineSmtpTls(LineSmtp, smtplib.SMTP_SSL):
    """The same with TLS from the first byte; takes `context`."""
