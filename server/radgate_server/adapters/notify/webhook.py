"""A web service of one's own. docs/alerts.md describes the document and how its signature is checked."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Callable

from radgate_server.adapters.notify.posting import encode, post_json
from radgate_server.adapters.notify.secret_text import secret_text
from radgate_server.core.alerts.alert import Notice
from radgate_server.settings.alerts import WebhookReceiver

SIGNATURE = "X-Radgate-Signature"


class WebhookNotifier:
    """Notifier by a signed POST. `unix_s` is time.time, or what a test puts in its place."""

    def __init__(self, receiver: WebhookReceiver, unix_s: Callable[[], float] = time.time) -> None:
        self._receiver = receiver
        self._unix_s = unix_s

    async def deliver(self, notice: Notice) -> None:
        """Post the notice. Raises NotDeliveredError."""
        receiver = self._receiver
        secret = await asyncio.to_thread(secret_text, receiver.secret, receiver.secret_file)
        body = encode(document_of(notice))
        headers = {SIGNATURE: sign(secret, body, int(self._unix_s()))}
        await post_json(receiver.url, body, headers, receiver.ca_file)


def document_of(notice: Notice) -> dict[str, object]:
    """Return what is posted."""
    alert = notice.alert
    return {
        "version": 1,
        "key": alert.key,
        "state": notice.state.value,
        "reminder": notice.again,
        "alert": alert.name,
        "severity": alert.severity.value,
        "site": notice.site,
        "labels": dict(alert.labels),
        "summary": alert.summary,
        "reason": alert.reason,
        "remedy": alert.remedy,
        "runbook": alert.runbook_url,
        "since": notice.since.isoformat(),
        "time": notice.time.isoformat(),
    }


def sign(secret: str, body: bytes, unix_s: int) -> str:
    """Return "t=TIME,v1=HEX": the HMAC-SHA-256 of the time, a dot and the body, so that old ones can be refused."""
    digest = hmac.new(secret.encode(), f"{unix_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={unix_s},v1={digest}"
