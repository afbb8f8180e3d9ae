"""Who calls, for which tenant, and what a role may do."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

ANY_TENANT = "*"


class Role(IntEnum):
    """What a credential may do; each role may do what the lower ones may."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller."""

    key_id: str
    tenant_ids: tuple[str, ...]
    role: Role

    def may_use(self, tenant_id: str) -> bool:
        """Whether the credential names the tenant."""
        return tenant_id in self.tenant_ids or ANY_TENANT in self.tenant_ids

    @property
    def may_use_every_tenant(self) -> bool:
        """Whether this credential runs the whole installation."""
        return ANY_TENANT in self.tenant_ids


@dataclass(frozen=True, slots=True)
class Caller:
    """One call's principal, the tenant that it acts for, and where it comes from; the audit trail's "who"."""

    principal: Principal
    tenant_id: str
    address: str
    user_agent: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Tenant:
    """One customer organisation."""

    tenant_id: str
    create_time: datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key's record. `secret_hash` is HMAC-SHA-256 of the secret under this installation's key."""

    key_id: str
    tenant_ids: tuple[str, ...]
    role: Role
    label: str
    create_time: datetime
    revoke_time: datetime | None
    secret_hash: bytes
