"""Receivers of alerts: mail, Slack, PagerDuty, a signed webhook; and of reports: mail, webhook, a folder."""

from radgate_server.adapters.notify.build import build_notifier, build_report_senders
from radgate_server.adapters.notify.silence_file import SilenceFile

__all__ = ["SilenceFile", "build_notifier", "build_report_senders"]
