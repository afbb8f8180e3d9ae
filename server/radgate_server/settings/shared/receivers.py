"""Where a server sends something of its own accord: mailboxes and web services, for alerts and reports alike."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator

from radgate_server.settings.shared.table import Table
from radgate_server.settings.shared.web_addresses import is_host, is_web_address

NO_SECRET = SecretStr("")

_NO_HOST = "must be a host's name, whose parts between dots have 1 to 63 characters"
_NO_URL = (
    "must be an http or https URL with a host, whose parts between dots have 1 to 63 characters, and, if any, a port"
    " from 1 to 65535"
)


def _host(name: str) -> str:
    if not is_host(name):
        raise ValueError(_NO_HOST)
    return name


def _url(url: str) -> str:
    if not is_web_address(url):
        raise ValueError(_NO_URL)
    return url


Host = Annotated[str, Field(min_length=1), AfterValidator(_host)]
WebUrl = Annotated[str, Field(pattern=r"^https?://\S+$"), AfterValidator(_url)]


class Receiver(Table):
    """What every receiver has. A secret stands in the settings, or in a file that is read at each use."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="What it is called elsewhere.")
    ca_file: Path | None = Field(
        default=None, description="Authorities (PEM) that vouch for it, besides the system's; for one in the house."
    )

    def _needs_one_of(self, secret: str, *, optional: bool = False) -> None:
        value, file = getattr(self, secret), getattr(self, f"{secret}_file")
        if bool(value.get_secret_value()) and file is not None:
            raise ValueError(f"{secret} and {secret}_file exclude each other")
        if not optional and not value.get_secret_value() and file is None:
            raise ValueError(f"{secret} or {secret}_file must be given")


class WebService(Receiver):
    """A web service of one's own, to which things are posted, signed."""

    url: WebUrl = Field(description="Where to post.")
    secret: SecretStr = Field(default=NO_SECRET, description="Key of the signature (HMAC-SHA-256).")
    secret_file: Path | None = Field(default=None, description="File that holds it.")

    @model_validator(mode="after")
    def _check(self) -> "WebService":
        self._needs_one_of("secret")
        return self


class MailServer(Receiver):
    """Mailboxes, by a mail server."""

    host: Host = Field(description="The mail server.")
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
    def _check(self) -> "MailServer":
        self._needs_one_of("password", optional=not self.username)
        if self.username and self.security == "none":
            raise ValueError("username needs security tls or starttls: no password may cross the network in the clear")
        if self.username and not (self.username + self.password.get_secret_value()).isascii():
            raise ValueError("username and password must be ASCII")
        return self
