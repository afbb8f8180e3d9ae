"""Receivers of alerts: mail, Slack, PagerDuty, a signed webhook."""

from radgate_server.adapters.notify.build import build_notifier
from radgate_server.adapters.notify.silence_file import SilenceFile

__all__ = ["SilenceFile", "build_notifier"]
