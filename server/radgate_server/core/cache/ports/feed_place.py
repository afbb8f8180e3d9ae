"""Up to where a process has applied the feed of changes to what it stores on its disk."""

from typing import NamedTuple, Protocol


class FeedPlace(NamedTuple):
    """The change up to which all are applied, and its mark as FeedEpoch has it.

    `outdated` when the feed may have forgotten what followed (CHANGES_KEPT), or the place is unknown.
    """

    sequence: int
    mark: str
    outdated: bool = False


class FeedPlaces(Protocol):
    """It lies beside what is cached on the disk, and is lost with that. Both methods block on the disk."""

    def load(self) -> FeedPlace | None:
        """The place saved last; None when there never was one."""
        ...

    def save(self, sequence: int, mark: str) -> None:
        """Remember that all changes up to this one are applied, and until now no other was seen."""
        ...
