"""The part of the settings that says what is stored of instances that were refused on arrival."""

from pydantic import Field

from radgate_server.core.quarantine.refused_instance import QuarantineLimits
from radgate_server.settings.shared.table import MIB, Table

_DAY_S = 86_400


class QuarantineSettings(Table):
    """Bytes of refused instances, stored in data_dir/quarantine for administrators. A 0 switches it off."""

    tenant_bytes: int = Field(
        default=256 * MIB, ge=0, description="Disk for one tenant's refused instances; the oldest make room."
    )
    tenant_entries: int = Field(default=200, ge=0, le=10_000, description="How many of one tenant are stored at most.")
    instance_bytes: int = Field(
        default=64 * MIB, ge=0, description="A larger refused instance is not stored: whole or not at all."
    )
    kept_days: float = Field(default=7, ge=0, le=365, description="They are deleted after so many days.")

    @property
    def limits(self) -> QuarantineLimits:
        """As services know them."""
        return QuarantineLimits(self.tenant_bytes, self.tenant_entries, self.instance_bytes, self.kept_days * _DAY_S)
