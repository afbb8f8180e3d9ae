"""Tenants, keys and PACS as the operator configured them, and the news of changes to them.

All methods raise DatabaseUnavailableError.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol

from radgate_server.core.access.tenancy import ApiKey, Tenant
from radgate_server.core.pacs.connections import PacsConfig
from radgate_server.core.pacs.failover import ActivePacs, Transition
from radgate_server.core.pacs.health import PacsStatus


class TenantDirectory(Protocol):
    """The tenants."""

    async def create_tenant(self, tenant: Tenant) -> None:
        """Add it. Raises ResourceExistsError."""
        ...

    async def list_tenants(self) -> Sequence[Tenant]:
        """All tenants by identifier."""
        ...

    async def update_tenant(self, tenant_id: str, *, hide_rejected: bool) -> Tenant:
        """Change how it is set up. Raises ResourceNotFoundError."""
        ...

    async def delete_tenant(self, tenant_id: str) -> None:
        """Delete it with its PACS, and take it out of all keys.

        Raises:
            ResourceNotFoundError: there is none.
            LegalHoldError: something of it is held; nothing is deleted.
        """
        ...


class KeyDirectory(Protocol):
    """The API keys."""

    async def create_key(self, key: ApiKey) -> None:
        """Add it. Raises ResourceNotFoundError for a tenant that is not there, or ResourceExistsError."""
        ...

    async def find_key(self, key_id: str) -> ApiKey | None:
        """The key's record, also a revoked one's."""
        ...

    async def list_keys(self, tenant_id: str) -> Sequence[ApiKey]:
        """Keys that may use the tenant by name, the first added first; for "*" those for every tenant."""
        ...

    async def list_every_key(self) -> Sequence[ApiKey]:
        """All keys of the installation."""
        ...

    async def replace_key(self, key_id: str, new: ApiKey, end_time: datetime) -> None:
        """Add `new`, and let the key `key_id` end at `end_time` unless it ends earlier: both or nothing.

        The new one has the old one's limits.

        Raises:
            ResourceNotFoundError: there is no such key, or it is not good, or was rotated already.
        """
        ...

    async def record_use(self, uses: Mapping[str, datetime]) -> None:
        """Write down when keys, by their id, were used last; a later time that is written already stays.

        It is no change that others are notified of. Keys that are there no more are ignored.
        """
        ...

    async def revoke_key(self, key_id: str, tenant_id: str) -> ApiKey:
        """Revoke it as of now if it may use the tenant by name ("*": every one). Raises ResourceNotFoundError."""
        ...


class PacsDirectory(Protocol):
    """The PACS of each tenant. Their passwords are sealed at rest."""

    async def create_pacs(self, pacs: PacsConfig) -> None:
        """Add it.

        Raises:
            ResourceExistsError: the tenant has a PACS of that name.
            ResourceNotFoundError: there is no such tenant.
            InvalidArgumentError: `backup_for` names no primary (core/pacs/failover.py).
        """
        ...

    async def list_pacs(self, tenant_id: str) -> Sequence[PacsConfig]:
        """The tenant's PACS, the first added first."""
        ...

    async def update_pacs(self, pacs: PacsConfig) -> None:
        """Put it in place of the one of its name, which keeps its precedence.

        If it was active in a group that it leaves, the group's primary is active then.

        Raises:
            ResourceNotFoundError: there is none.
            InvalidArgumentError: `backup_for` names no primary, or it has backups of its own.
        """
        ...

    async def delete_pacs(self, tenant_id: str, name: str) -> None:
        """Remove it; of a group whose active PACS it was, the primary is active then.

        Raises:
            ResourceNotFoundError: there is none.
            InvalidArgumentError: others are backups for it.
        """
        ...


class FailoverDirectory(Protocol):
    """Which PACS is active in each group that was ever switched over, and the history of that.

    The history of a group is kept when its PACS are deleted, and goes with the tenant.
    """

    async def list_active(self, tenant_id: str) -> Sequence[ActivePacs]:
        """The tenant's groups whose active PACS was ever chosen, by primary; of all others it is the primary."""
        ...

    async def record_transition(self, transition: Transition) -> bool:
        """Make `to_pacs` the active one, chosen by hand after a manual failover, and announce it as of `primary`.

        Does nothing and returns False when the active one is not `from_pacs`: somebody else was faster.

        Raises:
            ResourceNotFoundError: the primary or `to_pacs` is not (or no more) a PACS of the tenant.
        """
        ...

    async def list_transitions(self, tenant_id: str, primary: str, limit: int) -> Sequence[Transition]:
        """The group's history, the newest first."""
        ...


class StatusBoard(Protocol):
    """Where servers write how the PACS are doing, for others to read."""

    async def publish(self, statuses: Sequence[PacsStatus]) -> None:
        """Put them in place of what was known of these PACS; those that are configured no more are ignored."""
        ...

    async def list_statuses(self, tenant_id: str) -> Sequence[PacsStatus]:
        """What is known of the tenant's PACS, by name."""
        ...


class ChangeKind(StrEnum):
    """What was changed."""

    TENANT = "tenant"
    KEY = "key"
    PACS = "pacs"
    CACHE = "cache"
    ERASURE = "erasure"
    FAILOVER = "failover"
    LIMITS = "limits"


DROPPING = (ChangeKind.CACHE, ChangeKind.ERASURE)
"""By these what is cached of the subject becomes invalid."""
RECONFIGURING = (ChangeKind.TENANT, ChangeKind.PACS)
"""By these what is cached of the whole tenant may become invalid."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change by whichever process; `subject` is a key id, a PACS name or a Study Instance UID ("" for all).

    `tenant_id` is "" for a key, which may belong to several. `part` is the encoded CacheScope of an invalidation that
    concerns a part of the study, or of all; "" of any other change.
    """

    sequence: int
    kind: ChangeKind
    tenant_id: str
    subject: str
    part: str = ""


CHANGES_KEPT = timedelta(days=30)
"""Older ones may be missing in a feed; no running server falls this far behind."""


class FeedEpoch(NamedTuple):
    """What a feed looks like from a place in it.

    `last` is the newest change's number. `mark` distinguishes the change there from any other that ever had its number,
    "" when it was superseded.
    """

    last: int
    mark: str

    def follows(self, sequence: int, mark: str) -> bool:
        """Whether it is the feed, grown or not, of which somebody has read up to the change with this mark."""
        return self.last >= sequence and (not mark or self.mark in ("", mark))


class ChangeFeed(Protocol):
    """How a running server learns what another process (the command line, another server) changed."""

    async def changes_after(self, sequence: int) -> Sequence[Change]:
        """Changes with a higher sequence number, in order; of those to the same thing at least the last."""
        ...

    async def epoch(self, sequence: int) -> FeedEpoch:
        """The feed as seen from the change with this number."""
        ...

    async def last_change(self) -> int:
        """The newest change's sequence number, 0 when there is none."""
        ...

    async def last_invalidation(self, tenant_id: str, study_instance_uid: str) -> int:
        """The newest number of a change by which what was cached of the study became invalid, 0 when there is none.

        With "" of any study of the tenant.
        """
        ...

    async def announce_invalidation(
        self, tenant_id: str, study_instance_uid: str, kind: ChangeKind = ChangeKind.CACHE, part: str = ""
    ) -> None:
        """Notify all processes to drop what they cache for the tenant, or for one study when not "".

        `kind` is CACHE, or ERASURE where they are to remember nothing of it at all. `part` as in Change.
        """
        ...
