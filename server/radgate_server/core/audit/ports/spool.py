"""Where records of the audit trail wait for its database."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from radgate_server.core.audit.chain import Content


class Attempt(NamedTuple):
    """The first record of a transaction of which nobody knows whether it was committed.

    It was if the tenant's record of that number has that hash: nobody else makes the same one.
    """

    tenant_id: str
    sequence: int
    record_hash: bytes


class SpooledBatch(NamedTuple):
    """Records that were spooled at once, in the order of their chains, and the attempt to commit them before."""

    contents: Sequence[Content]
    attempt: Attempt | None = None


class Segment(NamedTuple):
    """The oldest part of what waits, which goes to the database at once. `attempt` is the last one to do so."""

    number: int
    batches: Sequence[SpooledBatch]
    attempt: Attempt | None


class SpoolState(NamedTuple):
    """How much waits, since when (Unix time, 0: nothing waits), and how much may; parts that could not be read."""

    records: int
    size_bytes: int
    oldest_s: float
    limit_bytes: int
    damaged: int


class AuditSpool(Protocol):
    """Stores records in files of this server, in order.

    Methods may be called from any thread; all but `append` and `is_waiting` block.

    It is active from the first record that comes until the last one is removed: meanwhile all new ones must come here
    too, or they would overtake those that wait.
    """

    def append(self, contents: Sequence[Content]) -> None:
        """Write records, and be active from now on. They outlive this process, but a power cut only after `sync`.

        Raises:
            SpoolFullError: there is no room, or the disk fails.
        """
        ...

    def sync(self) -> None:
        """Flush to the disk what was appended. Raises OSError."""
        ...

    def put_if_active(self, batch: SpooledBatch) -> bool:
        """Write the batch, synced, if the spool is active; False if it is not.

        Raises:
            SpoolFullError: there is no room, or the disk fails.
        """
        ...

    def put(self, batch: SpooledBatch) -> None:
        """Write the batch, synced, and be active from now on. Raises SpoolFullError."""
        ...

    def oldest(self, gather_s: float = 0.0) -> Segment | None:
        """The segment that is to be committed first. It is synced, and nothing is added to it any more.

        None when nothing waits, and the spool is no longer active; or when what waits is not `gather_s` seconds old,
        so that more may still be added. Raises OSError.
        """
        ...

    def note_attempt(self, number: int, attempt: Attempt) -> None:
        """Write down, synced, that the segment is about to be committed. Raises OSError."""
        ...

    def drop(self, number: int) -> None:
        """Remove the segment, which is committed. Raises OSError."""
        ...

    @property
    def newest(self) -> int:
        """The number of the last segment that was begun."""
        ...

    def is_waiting(self, upto: int) -> bool:
        """Whether segments up to that number still wait."""
        ...

    @property
    def state(self) -> SpoolState:
        """How much waits."""
        ...


class LeftSpools(Protocol):
    """What servers that have ended left in spools that this process can read."""

    def take_over(self) -> int:
        """Commit what is there, for some seconds; returns how many records were. Blocks.

        Raises:
            Exception: the database or a disk fails; what was not committed stays where it is.
        """
        ...


class Cipher(Protocol):
    """Encrypts what waits in one segment."""

    def seal(self, clear: bytes, bound: bytes) -> bytes:
        """Encrypt; `bound` must be the same when opening."""
        ...

    def open(self, sealed: bytes, bound: bytes) -> bytes:
        """Decrypt. Raises ValueError when it can't be."""
        ...


class Ciphers(Protocol):
    """Gives each segment a key of its own: what is sealed for one does not open in another."""

    def of_segment(self, number: int) -> Cipher:
        """That segment's, always the same."""
        ...
