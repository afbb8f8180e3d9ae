"""Where accesses are recorded, and how the record is read, checked and vouched for."""

from collections.abc import Callable, Sequence
from typing import Protocol

from radgate_server.core.audit.chain import ChainHead
from radgate_server.core.audit.checkpoint import Checkpoint
from radgate_server.core.audit.record import AuditEntry
from radgate_server.core.audit.verification import StoredRecord


class AuditSink(Protocol):
    """The audit trail's writing end."""

    async def record(self, entry: AuditEntry) -> None:
        """Record the access; returns when that is kept, and only then may its first byte leave.

        Raises:
            AuditUnavailableError: it could not be recorded.
        """
        ...

    async def settle(self) -> None:
        """Return when what was recorded before is in the database, where the reading end finds it.

        Raises:
            DatabaseUnavailableError: it does not come there.
        """
        ...


type Visit = Callable[[Sequence[StoredRecord]], None]
"""Takes some records, in the order of their writing. It is called in a thread of the database's."""

type IssueCheckpoint = Callable[[ChainHead, Checkpoint | None], Checkpoint | None]
"""Makes the signed checkpoint of a head after the last one, or None when there is nothing to vouch for."""


class AuditTrail(Protocol):
    """The audit trail's reading end. Everything raises DatabaseUnavailableError."""

    async def heads(self) -> Sequence[ChainHead]:
        """Where each tenant's chain ends."""
        ...

    async def last_number(self) -> int:
        """The number of the newest record, 0 when there is none. Numbers grow, and may leave gaps."""
        ...

    async def scan(self, visit: Visit, *, tenant_id: str | None = None, after: int = 0, upto: int) -> None:
        """Show all records (of the tenant) with numbers above `after` up to `upto`."""
        ...

    async def checkpoints(self, tenant_id: str | None = None) -> Sequence[Checkpoint]:
        """All (of the tenant), in the order of their making."""
        ...

    async def last_checkpoints(self) -> Sequence[Checkpoint]:
        """The newest one of each tenant."""
        ...

    async def add_checkpoint(self, tenant_id: str, issue: IssueCheckpoint) -> Checkpoint | None:
        """Keep what `issue` makes of the head and the last checkpoint; nobody else adds one meanwhile.

        None when it makes none, or the tenant has no chain.
        """
        ...


class ChainTelemetry(Protocol):
    """What the background check reports."""

    def chain(self, head: ChainHead, *, broken: bool, unsigned: int) -> None:
        """How a tenant's chain is: whether it was found broken, and how many records no checkpoint vouches for yet."""
        ...

    def checked(self, time_s: float) -> None:
        """A check of all chains ended, in Unix time."""
        ...


class IndexTelemetry(Protocol):
    """What the background check of the index reports."""

    def index(self, tenant_id: str, *, differs: bool) -> None:
        """Whether the index of the tenant's records was found to differ from them."""
        ...


class CheckpointSigner(Protocol):
    """This installation's key for signing checkpoints (Ed25519, RFC 8032)."""

    @property
    def key_id(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of the public key's 32 bytes."""
        ...

    @property
    def public_key_pem(self) -> str:
        """The public key for whoever checks (SubjectPublicKeyInfo, PEM)."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes."""
        ...
