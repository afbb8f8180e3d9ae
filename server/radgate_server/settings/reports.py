"""Reports on the audit trail: time zones, nights, and whom they may be delivered to."""

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from radgate_server.core.access.tenancy import ANY_TENANT
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.reports.night import Night
from radgate_server.core.reports.spec import parse_zone
from radgate_server.settings.shared.receivers import MailServer, WebService
from radgate_server.settings.shared.table import Table


class _Reported(Table):
    """What every receiver of reports has."""

    tenants: tuple[str, ...] = Field(min_length=1, description='Whose reports may be sent to it; "*": everybody\'s.')

    def takes(self, tenant_id: str) -> bool:
        """Whether the tenant's reports may be sent to it."""
        return tenant_id in self.tenants or ANY_TENANT in self.tenants


class MailReportReceiver(_Reported, MailServer):
    """Mailboxes, by a mail server. The report is attached, up to 20 MiB."""

    kind: Literal["smtp"]


class WebhookReportReceiver(_Reported, WebService):
    """A web service of one's own, to which the report is posted, signed, up to 20 MiB."""

    kind: Literal["webhook"]


class FolderReportReceiver(_Reported):
    """A folder, such as one that an archive collects from."""

    kind: Literal["folder"]
    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="Names it in schedules and in the log.")
    folder: Path = Field(description="Must be there; files are written whole or not at all.")


type ReportReceiver = Annotated[
    MailReportReceiver | WebhookReportReceiver | FolderReportReceiver, Field(discriminator="kind")
]
REPORT_RECEIVERS: tuple[type[_Reported], ...] = (MailReportReceiver, WebhookReportReceiver, FolderReportReceiver)


class ReportSettings(Table):
    """Reports on the audit trail. Schedules name receivers from here, and can send to nobody else."""

    receivers: tuple[ReportReceiver, ...] = Field(default=(), description="Who may be sent reports; see below.")
    time_zone: str = Field(default="UTC", description="Time zone (IANA) of reports, such as Europe/Berlin.")
    time_zones: dict[str, str] = Field(default={}, description="By tenant, where it is another.")
    night_begin_hour: int = Field(
        default=22, ge=0, le=23, description="Accesses from this hour on are unusual: it is night."
    )
    night_end_hour: int = Field(default=6, ge=0, le=23, description="From this hour on it is day.")
    pdf_rows: int = Field(default=1000, ge=1, le=20_000, description="Rows of a PDF; it says how many more there are.")
    interval_s: float = Field(default=30, gt=0, description="Time between two looks at which schedules are due.")

    @property
    def night(self) -> Night:
        """When accesses are unusual."""
        return Night(self.night_begin_hour, self.night_end_hour)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Those that reports are delivered into."""
        return tuple(receiver.folder for receiver in self.receivers if isinstance(receiver, FolderReportReceiver))

    def zone_of(self, tenant_id: str, asked: str = "") -> ZoneInfo:
        """Return the time zone that was asked for, else the tenant's."""
        return ZoneInfo(asked or self.time_zones.get(tenant_id) or self.time_zone)

    def receivers_of(self, tenant_id: str) -> dict[str, ReportReceiver]:
        """Return those that the tenant's reports may be sent to, by name."""
        return {receiver.name: receiver for receiver in self.receivers if receiver.takes(tenant_id)}

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        return _zone(value)

    @field_validator("time_zones")
    @classmethod
    def _are_zones(cls, value: dict[str, str]) -> dict[str, str]:
        return {tenant_id: _zone(name) for tenant_id, name in value.items()}

    @field_validator("receivers")
    @classmethod
    def _have_names_of_their_own(cls, value: tuple[ReportReceiver, ...]) -> tuple[ReportReceiver, ...]:
        names = [receiver.name for receiver in value]
        if len(set(names)) < len(names):
            raise ValueError("each receiver needs a name of its own")
        return value


def _zone(name: str) -> str:
    try:
        return parse_zone(name, "time_zone").key
    except InvalidArgumentError as error:
        raise ValueError(error.description) from None
