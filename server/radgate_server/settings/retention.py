"""The part of the settings that says how long records of the audit trail are kept."""

from typing import Annotated

from pydantic import Field, model_validator

from radgate_server.core.audit.retention import RecordKind
from radgate_server.settings.shared.table import Table

SIX_YEARS_DAYS = 2192
"""What HIPAA asks for (45 CFR 164.316(b)(2)(i)), leap days included."""

_Days = Annotated[int, Field(ge=0, le=36_500)]


class RetentionSettings(Table):
    """How long records of the audit trail are kept. Tenants may have rules of their own."""

    access_days: _Days = Field(
        default=SIX_YEARS_DAYS, description="Records of accesses are erased after so many days; 0 means never."
    )
    login_failure_days: _Days = Field(
        default=SIX_YEARS_DAYS, description="Records of refused credentials and rights; 0 means never."
    )
    configuration_days: _Days = Field(
        default=SIX_YEARS_DAYS, description="Records of changed configuration; 0 means never."
    )
    least_days: _Days = Field(
        default=SIX_YEARS_DAYS,
        description="No rule may be shorter, a tenant's neither; HIPAA requires six years.",
    )
    interval_s: float = Field(default=86_400, ge=60, description="Time between two looks for records to be erased.")
    batch_records: int = Field(
        default=500,
        ge=1,
        le=2000,
        description="Records that are erased under one signed statement; accesses of the tenant wait meanwhile.",
    )

    @property
    def days(self) -> dict[RecordKind, int]:
        """By kind."""
        return {
            RecordKind.ACCESS: self.access_days,
            RecordKind.LOGIN_FAILURE: self.login_failure_days,
            RecordKind.CONFIGURATION: self.configuration_days,
        }

    @model_validator(mode="after")
    def _respect_the_least(self) -> "RetentionSettings":
        for kind, days in self.days.items():
            if 0 < days < self.least_days:
                raise ValueError(f"{kind}: fewer days than least_days")
        return self
