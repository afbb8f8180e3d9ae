"""Modality worklists: how each is reached, and how often it is read."""

from typing import Self

from pydantic import Field, model_validator

from radgate_server.core.dicom.identifiers import parse_slug
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.pacs.connections import DimseConnection, DimseTls, TlsProfile
from radgate_server.settings.shared.table import Port, Seconds, Table

_MAX_NAME = 20


class WorklistTls(Table):
    """TLS of the association with a worklist, as of a PACS (PS3.15 B.12)."""

    ca_file: str = Field(default="", description="Authorities that vouch for it (PEM); empty: the system's.")
    certificate_file: str = Field(default="", description="Certificate that it is shown (PEM).")
    private_key_file: str = Field(default="", description="Its private key (PEM), when it is in another file.")
    verify_host: bool = Field(default=True, description="Whether its certificate must name its host.")
    server_name: str = Field(default="", description="Name that its certificate must have in place of `host`.")
    profile: TlsProfile = Field(default=TlsProfile.BCP195, description="What TLS allows, by PS3.15 annex B.")


class WorklistSettings(Table):
    """A modality worklist (PS3.4 annex K). Its scheduled steps set off the tenant's rules with the trigger worklist."""

    name: str = Field(description=f"Names it in the log: lower-case letters, digits, hyphens, at most {_MAX_NAME}.")
    tenant: str = Field(description="Whose patients it has.")
    host: str = Field(description="Its host.")
    port: Port = Field(description="Its port.")
    called_aet: str = Field(description="Its AE title.")
    calling_aet: str = Field(default="", description="AE title that it knows Radgate by; empty means `dicom_aet`.")
    interval_s: Seconds = Field(
        default=900, ge=60, le=86400, description="Time between two looks, by one of all servers."
    )
    days: int = Field(
        default=2,
        ge=1,
        le=14,
        description="Of how many days steps are asked for, from today on, in the tenant's time zone of `reports`.",
    )
    tls: WorklistTls | None = None

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        try:
            parse_slug(self.name, "name")
            self.connection("RADGATE")
        except InvalidArgumentError as error:
            raise ValueError(error.message) from None
        if len(self.name) > _MAX_NAME:
            raise ValueError(f"name may have {_MAX_NAME} characters at most")
        return self

    def connection(self, own_aet: str) -> DimseConnection:
        """How it is reached; `own_aet` calls where no title is given."""
        tls = DimseTls(**self.tls.model_dump()) if self.tls else None
        return DimseConnection(
            self.host, self.port, self.called_aet, self.calling_aet or own_aet, max_associations=1, tls=tls
        ).checked()
