"""The part of the settings that is about alerts; their receivers are one tagged union, distinguished by `kind`."""

import socket
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from radgate_server.core.alerts.alert import RUNBOOK_URL, Severity
from radgate_server.settings.shared.receivers import NO_SECRET, MailServer, Receiver, WebService, WebUrl
from radgate_server.settings.shared.table import Seconds, Table


class _Alerted(BaseModel):
    """What every receiver of alerts has."""

    least_severity: Severity = Field(default=Severity.WARNING, description="What is less severe is not sent to it.")


class WebhookReceiver(_Alerted, WebService):
    """A web service of one's own, to which each notice is posted as JSON, signed."""

    kind: Literal["webhook"]


class SlackReceiver(_Alerted, Receiver):
    """A Slack channel, by an incoming webhook."""

    kind: Literal["slack"]
    url: SecretStr = Field(default=NO_SECRET, description="The webhook's URL, which is a secret.")
    url_file: Path | None = Field(default=None, description="File that holds it.")

    @model_validator(mode="after")
    def _check(self) -> "SlackReceiver":
        self._needs_one_of("url")
        return self


class PagerDutyReceiver(_Alerted, Receiver):
    """A PagerDuty service, by Events API v2."""

    kind: Literal["pagerduty"]
    routing_key: SecretStr = Field(default=NO_SECRET, description="The integration key.")
    routing_key_file: Path | None = Field(default=None, description="File that holds it.")
    url: WebUrl = Field(
        default="https://events.pagerduty.com/v2/enqueue",
        description="Where events are taken; EU accounts have another.",
    )

    @model_validator(mode="after")
    def _check(self) -> "PagerDutyReceiver":
        self._needs_one_of("routing_key")
        return self


class SmtpReceiver(_Alerted, MailServer):
    """Mailboxes, by a mail server."""

    kind: Literal["smtp"]


type AlertReceiver = Annotated[
    WebhookReceiver | SlackReceiver | PagerDutyReceiver | SmtpReceiver, Field(discriminator="kind")
]
RECEIVERS: tuple[type[Receiver], ...] = (SmtpReceiver, SlackReceiver, PagerDutyReceiver, WebhookReceiver)


class AlertsSettings(Table):
    """The server's own notices of what is wrong. Without receivers nothing is watched: Prometheus may do it instead."""

    receivers: tuple[AlertReceiver, ...] = Field(default=(), description="Who is notified; see below for each kind.")
    site: str = Field(default="", description="Name of this installation in messages; empty means the host's name.")
    runbook_url: WebUrl = Field(
        default=RUNBOOK_URL,
        description="Address of the runbook's page, for links to its sections; `radgate alerts runbook` prints the page"
        " for your own web server.",
    )
    interval_s: Seconds = Field(default=5, description="Time between two looks at what is wrong.")
    pacs_down_for_s: float = Field(default=60, ge=0, description="A PACS that is back sooner was not down.")
    settle_s: float = Field(
        default=30, ge=0, description="An alert is resolved when its cause has been absent this long."
    )
    repeat_s: float = Field(default=14_400, ge=0, description="Repeated while it lasts, after this; 0 means never.")
    messages_per_hour: int = Field(default=60, ge=1, description="To one receiver; more wait.")
    disk_free_percent: float = Field(
        default=10,
        gt=0,
        lt=100,
        description="Alert below this much free disk of data_dir; a quarter of it is critical.",
    )
    certificate_days: float = Field(default=30, gt=0, description="Alert so long before a certificate expires.")

    @property
    def site_or_host(self) -> str:
        """The installation's name in messages."""
        return self.site or socket.gethostname()

    @field_validator("receivers")
    @classmethod
    def _have_names_of_their_own(cls, value: tuple[AlertReceiver, ...]) -> tuple[AlertReceiver, ...]:
        names = [receiver.name for receiver in value]
        if len(set(names)) < len(names):
            raise ValueError("each receiver needs a name of its own")
        return value
