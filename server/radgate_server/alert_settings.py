"""Receivers of alerts as an operator configures them: one tagged union, told apart by `kind`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from radgate_server.core.alerts import Severity

NO_SECRET = SecretStr("")


class _Receiver(BaseModel):
    """What every receiver has. A secret stands in the settings, or in a file that is read at each use."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="Names it in metrics and in the log.")
    least_severity: Severity = Field(default=Severity.WARNING, description="What is less severe is not sent to it.")
    ca_file: Path | None = Field(
        default=None, description="Authorities (PEM) that vouch for it, besides the system's; for one in the house."
    )

    def _needs_one_of(self, secret: str, *, optional: bool = False) -> None:
        value, file = getattr(self, secret), getattr(self, f"{secret}_file")
        if bool(value.get_secret_value()) and file is not None:
            raise ValueError(f"{secret} and {secret}_file exclude each other")
        if not optional and not value.get_secret_value() and file is None:
            raise ValueError(f"{secret} or {secret}_file must be given")


class WebhookReceiver(_Receiver):
    """A web service of one's own, to which each notice is posted as JSON, signed."""

    kind: Literal["webhook"]
    url: str = Field(pattern=r"^https?://\S+$", description="Where to post.")
    secret: SecretStr = Field(default=NO_SECRET, description="Key of the signature (HMAC-SHA-256).")
    secret_file: Path | None = Field(default=None, description="File that holds it.")

    @model_validator(mode="after")
    def _check(self) -> "WebhookReceiver":
        self._needs_one_of("secret")
        return self


class SlackReceiver(_Receiver):
    """A Slack channel, by an incoming webhook."""

    kind: Literal["slack"]
    url: SecretStr = Field(default=NO_SECRET, description="The webhook's URL, which is a secret.")
    url_file: Path | None = Field(default=None, description="File that holds it.")

    @model_validator(mode="after")
    def _check(self) -> "SlackReceiver":
        self._needs_one_of("url")
        return self


class PagerDutyReceiver(_Receiver):
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


class SmtpReceiver(_Receiver):
    """Mailboxes, by a mail server."""

    kind: Literal["smtp"]
    host: str = Field(min_length=1, description="The mail server.")
    port: int = Field(default=587, ge=1, le=65535, description="Its port.")
    security: Literal["starttls", "tls", "none"] = Field(default="starttls", description="How it is reached.")
    username: str = Field(default="", description="Needed by most servers.")
    password: SecretStr = Field(default=NO_SECRET, description="Not sent without TLS.")
    password_file: Path | None = Field(default=None, description="File that holds it.")
    sender: str = Field(pattern=r"^[^@\s]+@[^@\s]+$", description="Address that it comes from.")
    recipients: tuple[Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")], ...] = Field(
        min_length=1, description="Addresses that it goes to."
    )

    @model_validator(mode="after")
    def _check(self) -> "SmtpReceiver":
        self._needs_one_of("password", optional=not self.username)
        if self.username and self.security == "none":
            raise ValueError("username needs security tls or starttls: no password may cross the network in the clear")
        return self


type AlertReceiver = Annotated[
    WebhookReceiver | SlackReceiver | PagerDutyReceiver | SmtpReceiver, Field(discriminator="kind")
]
RECEIVERS: tuple[type[_Receiver], ...] = (SmtpReceiver, SlackReceiver, PagerDutyReceiver, WebhookReceiver)
