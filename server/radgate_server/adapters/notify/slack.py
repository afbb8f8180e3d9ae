"""A Slack channel, by an incoming webhook (https://api.slack.com/messaging/webhooks)."""

import asyncio

from radgate_server.adapters.notify.posting import encode, post_json
from radgate_server.adapters.notify.secret_text import secret_text
from radgate_server.core.alerts.alert import AlertState, Notice, Severity
from radgate_server.settings.alerts import SlackReceiver

_COLOURS = {Severity.CRITICAL: "#a30200", Severity.WARNING: "#daa038"}
_GREEN = "#2eb886"


class SlackNotifier:
    """Notifier by one message for each notice."""

    def __init__(self, receiver: SlackReceiver) -> None:
        self._receiver = receiver

    async def deliver(self, notice: Notice) -> None:
        """Post the message. Raises NotDeliveredError."""
        receiver = self._receiver
        url = await asyncio.to_thread(secret_text, receiver.url, receiver.url_file)
        await post_json(url, encode(message_of(notice)), {}, receiver.ca_file)


def message_of(notice: Notice) -> dict[str, object]:
    """Return the message: the title, and below it a coloured attachment."""
    alert = notice.alert
    colour = _GREEN if notice.state is AlertState.RESOLVED else _COLOURS[alert.severity]
    lines = [f"Since {notice.since:%Y-%m-%d %H:%M:%S} UTC, {alert.severity.value}"]
    if notice.state is AlertState.FIRING:
        lines += [_escaped(alert.remedy), f"<{alert.runbook_url}|Runbook>"]
    return {"text": _escaped(notice.title), "attachments": [{"color": colour, "text": "\n".join(lines)}]}


def _escaped(text: str) -> str:
    """Slack's three control characters: else the name of a PACS could call everybody in the channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
