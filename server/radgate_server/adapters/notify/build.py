"""Which notifier stands for which kind of receiver."""

from typing import assert_never

from radgate_server.adapters.notify.pagerduty import PagerDutyNotifier
from radgate_server.adapters.notify.slack import SlackNotifier
from radgate_server.adapters.notify.smtp import SmtpNotifier
from radgate_server.adapters.notify.webhook import WebhookNotifier
from radgate_server.alert_settings import (
    AlertReceiver,
    PagerDutyReceiver,
    SlackReceiver,
    SmtpReceiver,
    WebhookReceiver,
)
from radgate_server.core.ports.alerts import Notifier


def build_notifier(receiver: AlertReceiver) -> Notifier:
    """Make it. Nothing is opened before a notice is delivered."""
    match receiver:
        case WebhookReceiver():
            return WebhookNotifier(receiver)
        case SlackReceiver():
            return SlackNotifier(receiver)
        case PagerDutyReceiver():
            return PagerDutyNotifier(receiver)
        case SmtpReceiver():
            return SmtpNotifier(receiver)
    assert_never(receiver)
