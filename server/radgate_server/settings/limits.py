"""The part of the settings that says what tenants and keys may use unless it was set for them."""

from typing import Annotated

from pydantic import Field, SecretStr, model_validator

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.limits.model import MIN_BYTES_PER_SECOND, MIN_REQUESTS_PER_SECOND, Limits, check_limits
from radgate_server.settings.shared.table import Seconds, Table

_NO_LIMIT = "0: no limit."
Count = Annotated[int, Field(ge=0)]


class DefaultLimits(Table):
    """What each one may use."""

    requests_per_second: Annotated[float, Field(ge=0)] = Field(
        default=0, description=f"Requests a second, at least {MIN_REQUESTS_PER_SECOND:g}. {_NO_LIMIT}"
    )
    burst_requests: Count = Field(
        default=0, description="Requests that may come at once within that; 0: those of one second."
    )
    concurrent_requests: Count = Field(default=0, description=f"Requests at the same time, streams too. {_NO_LIMIT}")
    bytes_per_second: Count = Field(
        default=0,
        description=f"Bytes of answers and uploads a second, at least {MIN_BYTES_PER_SECOND}; more wait. {_NO_LIMIT}",
    )
    daily_requests: Count = Field(default=0, description=f"Requests in a day of UTC. {_NO_LIMIT}")
    daily_bytes: Count = Field(default=0, description=f"Bytes of answers and uploads in a day of UTC. {_NO_LIMIT}")

    @model_validator(mode="after")
    def _makes_sense(self) -> "DefaultLimits":
        try:
            check_limits(self.limits())
        except InvalidArgumentError as error:
            raise ValueError(error.message.removeprefix("limits.")) from None
        return self

    def limits(self) -> Limits:
        """The same in the words of the core."""
        return Limits(**self.model_dump())


class TenantLimits(DefaultLimits):
    """What all callers of a tenant may use together, where nothing else was set for the tenant."""


class KeyLimits(DefaultLimits):
    """What each key, user of an identity provider or certificate may use, where nothing else was set for the key."""


class LimitSettings(Table):
    """What tenants and keys may use. `radgate limits` sets it for one of them."""

    max_calls: int = Field(
        default=3000,
        ge=4,
        description="Calls in flight at one server, whoever makes them, three quarters of them of one tenant; more are"
        " refused with `SERVER_OVERLOADED` (429), which says when to retry.",
    )
    tenant: TenantLimits = TenantLimits()
    key: KeyLimits = KeyLimits()
    redis_url: SecretStr = Field(
        default=SecretStr(""),
        description="Redis in which servers share what they admitted, as in rediss://user:password@host:6379/0;"
        " empty: each server counts by itself, but for daily quotas. Needs the extra `redis` (installing.md).",
    )
    share_interval_s: Seconds = Field(
        default=0.2,
        description="How often a server reports to the others by Redis what it admitted, and gives back unused slots.",
    )
    usage_interval_s: Seconds = Field(
        default=2, description="How often a server writes down in the database what was used of daily quotas."
    )
