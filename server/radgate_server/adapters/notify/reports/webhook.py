"""Reports to a web service of one's own, signed as notices are (docs/alerts.md)."""

import asyncio
import time
from collections.abc import Callable

from radgate_server.adapters.notify.posting import post
from radgate_server.adapters.notify.reports.files import content_of
from radgate_server.adapters.notify.secret_text import secret_text
from radgate_server.adapters.notify.webhook import SIGNATURE, sign
from radgate_server.core.reports.ports.delivery import MadeReport
from radgate_server.settings.reports import WebhookReportReceiver


class WebhookReportSender:
    """ReportSender by a signed POST. `unix_s` is time.time, or what a test puts in its place."""

    def __init__(self, receiver: WebhookReportReceiver, unix_s: Callable[[], float] = time.time) -> None:
        self._receiver = receiver
        self._unix_s = unix_s

    async def deliver(self, report: MadeReport) -> None:
        """Post the report. Raises NotDeliveredError."""
        receiver = self._receiver
        secret = await asyncio.to_thread(secret_text, receiver.secret, receiver.secret_file)
        body = await asyncio.to_thread(content_of, report)
        headers = {
            "content-type": report.content_type,
            "content-disposition": f'attachment; filename="{report.file_name}"',
            SIGNATURE: sign(secret, body, int(self._unix_s())),
        }
        await post(receiver.url, body, headers, receiver.ca_file)
