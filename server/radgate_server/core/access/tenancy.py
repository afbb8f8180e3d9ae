"""Who calls, for which tenant, and what a role may do."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from radgate_server.core.access.restriction import StudyRestriction
from radgate_server.core.dicom.family_name import FamilyName

ANY_TENANT = "*"


class Role(Enum):
    """What a credential may do; rpc/access/authorization.py says who may call what.

    An operator may do what a viewer may, an admin what an operator may. The auditor stands apart: it reads who did
    what, and sees no patient's images. The numbers are those of the database.
    """

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3
    AUDITOR = 4

    __hash__ = object.__hash__  # Enum's own is a function of Python, called for each call that is admitted


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller.

    `key_id` names it in the audit trail: the API key's id, "oidc:ISSUER:SUBJECT" for a token of an identity provider,
    "certificate:NAME" for a client certificate, "cli" for the command line, "trigger:SOURCE" for what sets rules of
    prefetching off.
    `name` is for people: the label of a key, "" where there is none. `restriction` confines it to some studies.
    `family_name` is known of people whom an identity provider vouches for; it is compared, and written nowhere.
    """

    key_id: str
    tenant_ids: tuple[str, ...]
    role: Role
    name: str = ""
    restriction: StudyRestriction | None = None
    family_name: FamilyName = field(default=FamilyName(), repr=False)

    def may_use(self, tenant_id: str) -> bool:
        """Whether the credential names the tenant."""
        return tenant_id in self.tenant_ids or ANY_TENANT in self.tenant_ids

    @property
    def may_use_every_tenant(self) -> bool:
        """Whether this credential runs the whole installation."""
        return ANY_TENANT in self.tenant_ids


@dataclass(frozen=True, slots=True)
class Caller:
    """One call's principal, the tenant that it acts for, and where it comes from; the audit trail's "who".

    `break_glass` is why the caller says that this is an emergency, "" when it says nothing. It opens nothing; it is
    recorded with whatever is accessed.
    """

    principal: Principal
    tenant_id: str
    address: str
    user_agent: str
    request_id: str
    break_glass: str = ""


@dataclass(frozen=True, slots=True)
class Tenant:
    """One customer organisation. `hide_rejected`: it is not shown what rejection notes reject (IHE RAD 4.66)."""

    tenant_id: str
    create_time: datetime
    hide_rejected: bool = False


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key's record. `secret_hash` is HMAC-SHA-256 of the secret under this installation's key.

    Times are None for what has not happened: `expire_time` of a key without an end, `last_use_time` of one that was
    never used (written down a minute late at most). `replaced_by` is the id of the key that it was rotated to, else "".
    `restriction` confines it to some studies.
    """

    key_id: str
    tenant_ids: tuple[str, ...]
    role: Role
    label: str
    create_time: datetime
    revoke_time: datetime | None
    secret_hash: bytes
    expire_time: datetime | None = None
    last_use_time: datetime | None = None
    replaced_by: str = ""
    restriction: StudyRestriction | None = None

    def is_good(self, now: datetime) -> bool:
        """Whether it may be used at that time."""
        return self.revoke_time is None and (self.expire_time is None or now < self.expire_time)
