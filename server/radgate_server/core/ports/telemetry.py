"""What services report of themselves. None of it holds patient data or UIDs."""

from typing import Protocol


class Telemetry(Protocol):
    """Counters and timings. Cheap enough for the hot path; never fails."""

    def rpc_finished(self, method: str, code: str, seconds: float) -> None:
        """An rpc ended; `method` as "radgate.v1.QueryService/SearchStudies", `code` as gRPC names it."""
        ...

    def cache_lookup(self, tier: str, hit: bool) -> None:
        """A tier was asked."""
        ...

    def pacs_call(self, pacs: str, operation: str, outcome: str, seconds: float) -> None:
        """An operation ("echo", "find", "retrieve", "store") at a PACS ended; `outcome` is "ok" or an error's name."""
        ...

    def bytes_received(self, pacs: str, count: int) -> None:
        """Bytes of instances came from a PACS."""
        ...
