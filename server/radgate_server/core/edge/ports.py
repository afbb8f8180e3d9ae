"""What services need of keys, to sign URLs and to know their own grants again, and of the edge itself."""

from collections.abc import Collection, Mapping, Sequence, Set
from datetime import datetime
from typing import Protocol


class UrlSigner(Protocol):
    """Signs URLs as the edge verifies them."""

    def sign(self, url: str, expire_time: datetime) -> str:
        """The URL, with what says until when it is valid and proves that. Blocks for a millisecond of computing."""
        ...


class GrantCipher(Protocol):
    """Seals what nobody but the installation is to make or read."""

    def seal(self, clear: bytes, bound: bytes) -> bytes:
        """Encrypt; `bound` must be the same when opening."""
        ...

    def open(self, sealed: bytes, bound: bytes) -> bytes:
        """Decrypt. Raises ValueError when it was damaged or sealed elsewhere."""
        ...


class EdgeInvalidator(Protocol):
    """Has the edge drop what it keeps."""

    async def invalidate(self, wildcards: Sequence[str], reference: str) -> None:
        """Drop what lies under these paths. Asked again with the same reference and paths, the edge does it once.

        Raises:
            NotDeliveredError: the edge does not take it now.
        """
        ...


class EdgeTelemetry(Protocol):
    """How invalidations at the edge are doing."""

    def edge_invalidated(self, paths: int) -> None:
        """The edge took so many paths."""
        ...

    def edge_invalidation_failed(self) -> None:
        """The edge did not take them; that is tried again."""
        ...

    def edge_changes_pending(self, count: int) -> None:
        """So many changes of the feed were not handed on yet."""
        ...


class ImportedRequests(Protocol):
    """Which requests of an edge's log are in the audit trail. Raises DatabaseUnavailableError."""

    async def known(self, request_ids: Collection[str]) -> Set[str]:
        """Those of them that are."""
        ...

    async def add(self, times: Mapping[str, datetime], forget_before: datetime) -> None:
        """Remember these requests with their times, and none from before a time."""
        ...
