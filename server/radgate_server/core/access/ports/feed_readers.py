"""Those who read something for the whole installation, one process at a time: the feed of changes, a worklist."""

from typing import Protocol


class FeedReaders(Protocol):
    """How far each reader of the feed has got, and which process reads for it; other readers use the claim alone."""

    async def claim(self, reader: str, holder: str, lease_s: float) -> int | None:
        """Be the only one who reads for so long; returns the last change that was read, None while another reads.

        A reader that is new begins with the next change.
        """
        ...

    async def advance(self, reader: str, holder: str, sequence: int) -> None:
        """All changes up to this one were read; the next claim is anybody's. Without effect for a lost claim."""
        ...
