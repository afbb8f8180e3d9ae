"""A PagerDuty service, by Events API v2 (https://developer.pagerduty.com/docs/events-api-v2)."""

import asyncio
import hashlib

from radgate_server.adapters.notify.posting import encode, post_json
from radgate_server.adapters.notify.secret_text import secret_text
from radgate_server.core.alerts.alert import AlertState, Notice
from radgate_server.settings.alerts import PagerDutyReceiver

_MAX_SUMMARY = 1024
_MAX_KEY = 255
_ACTIONS = {AlertState.FIRING: "trigger", AlertState.RESOLVED: "resolve"}


class PagerDutyNotifier:
    """Notifier by events: one incident for each alert, however often it repeats, closed when the alert is over."""

    def __init__(self, receiver: PagerDutyReceiver) -> None:
        self._receiver = receiver

    async def deliver(self, notice: Notice) -> None:
        """Send the event. Raises NotDeliveredError."""
        receiver = self._receiver
        routing_key = await asyncio.to_thread(secret_text, receiver.routing_key, receiver.routing_key_file)
        await post_json(receiver.url, encode(event_of(notice, routing_key)), {}, receiver.ca_file)


def event_of(notice: Notice, routing_key: str) -> dict[str, object]:
    """Return the event."""
    alert = notice.alert
    return {
        "routing_key": routing_key,
        "event_action": _ACTIONS[notice.state],
        "dedup_key": _dedup_key(f"radgate/{notice.site}/{alert.key}"),
        "client": "Radgate",
        "client_url": alert.runbook_url,
        "payload": {
            "summary": f"{notice.site}: {notice.summary}"[:_MAX_SUMMARY],
            "source": notice.site,
            "severity": alert.severity.value,
            "timestamp": notice.since.isoformat(),
            "component": "radgate",
            "class": alert.name,
            "custom_details": {**dict(alert.labels), "reason": alert.reason, "remedy": alert.remedy},
        },
        "links": [{"href": alert.runbook_url, "text": "Runbook"}],
    }


def _dedup_key(text: str) -> str:
    return text if len(text) <= _MAX_KEY else hashlib.sha256(text.encode()).hexdigest()
