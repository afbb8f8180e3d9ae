"""Receivers of alerts as an operator configures them: one tagged union, told apart by `kind`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, SecretStr, model_validator

from radgate_server.core.alerts import Severity
from radgate_server.receiver_settings import NO_SECRET, MailServer, Receiver, WebService


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
    url: str = Field(
        default="https://events.pagerduty.com/v2/enqueue",
        pattern=r"^https?://\S+$",
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
