"""What stands for which kind of receiver."""

from collections.abc import Iterable
from typing import assert_never

from radgate_server.adapters.notify.pagerduty import PagerDutyNotifier
from radgate_server.adapters.notify.reports.folder import FolderReportSender
from radgate_server.adapters.notify.reports.mail import MailReportSender
from radgate_server.adapters.notify.reports.webhook import WebhookReportSender
from radgate_server.adapters.notify.slack import SlackNotifier
from radgate_server.adapters.notify.smtp import SmtpNotifier
from radgate_server.adapters.notify.webhook import WebhookNotifier
from radgate_server.core.alerts.ports import Notifier
from radgate_server.core.reports.ports.delivery import ReportSender
from radgate_server.settings.alerts import (
    AlertReceiver,
    PagerDutyReceiver,
    SlackReceiver,
    SmtpReceiver,
    WebhookReceiver,
)
from radgate_server.settings.reports import (
    FolderReportReceiver,
    MailReportReceiver,
    ReportReceiver,
    WebhookReportReceiver,
)


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


def build_report_senders(receivers: Iterable[ReportReceiver]) -> dict[str, ReportSender]:
    """Make what hands reports to them, by their names."""
    return {receiver.name: _report_sender(receiver) for receiver in receivers}


def _report_sender(receiver: ReportReceiver) -> ReportSender:
    match receiver:
        case MailReportReceiver():
            return MailReportSender(receiver)
        case WebhookReportReceiver():
            return WebhookReportSender(receiver)
        case FolderReportReceiver():
            return FolderReportSender(receiver)
    assert_never(receiver)
