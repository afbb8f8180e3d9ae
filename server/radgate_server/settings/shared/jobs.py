"""What wakes the processes that run jobs."""

from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from radgate_server.settings.shared.table import Seconds, Table


class NatsSettings(Table):
    """NATS with JetStream, which wakes a process as soon as a job is due; jobs themselves lie in the database."""

    url: SecretStr = Field(
        default=SecretStr(""),
        description="NATS servers, separated by commas, as in nats://user:password@host:4222, tls:// for TLS; empty:"
        " every process searches the database each second. Needs the extra `nats` (installing.md).",
    )
    credentials_file: str = Field(default="", description="Credentials (`.creds`: JWT and nkey) of a NATS account.")
    ca_file: str = Field(
        default="", description="Authorities that vouch for NATS's certificate (PEM); empty: the system's."
    )
    certificate_file: str = Field(default="", description="Certificate that is shown to NATS (PEM).")
    key_file: str = Field(default="", description="Its private key (PEM, without a password).")
    stream: Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,64}$")] = Field(
        default="RADGATE_JOBS",
        description="Name of the stream, and what its subjects begin with; each installation needs its own.",
    )
    replicas: int = Field(
        default=1, ge=1, le=5, description="On how many servers of a NATS cluster a stream that is made lies."
    )
    poll_interval_s: Seconds = Field(
        default=10,
        le=300,
        description="How often a process with nothing to do searches the database all the same, while NATS is there.",
    )

    @model_validator(mode="after")
    def _certificate_is_whole(self) -> Self:
        if bool(self.certificate_file) != bool(self.key_file):
            raise ValueError("certificate_file and key_file must be given together")
        return self


class JobSettings(Table):
    """What wakes the processes that run jobs; `imaging` has how many run."""

    nats: NatsSettings = NatsSettings()
