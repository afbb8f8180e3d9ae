"""Who is notified of alerts, and who must not be."""

from collections.abc import Collection, Sequence
from typing import Protocol

from radgate_server.core.alerts.alert import Notice, Sample, Silence


class Notifier(Protocol):
    """One receiver of alerts, such as a chat room or a mailbox."""

    async def deliver(self, notice: Notice) -> None:
        """Hand the notice over; returns when the receiver has taken it.

        Raises:
            NotDeliveredError: it did not; `passing` says whether to try again.
        """
        ...


class SampleSource(Protocol):
    """The server's own metrics."""

    def samples(self, metrics: Collection[str]) -> Sequence[Sample]:
        """The values of these metrics as they stand. May be called from any thread."""
        ...


class SilenceBook(Protocol):
    """The silences that operators ask for."""

    def silences(self) -> Sequence[Silence]:
        """Those that are written down, also those that are over. Blocks."""
        ...


class SilenceRegister(SilenceBook, Protocol):
    """A book of silences that can be written, too."""

    def write(self, silences: Sequence[Silence]) -> None:
        """Put these in the place of all. Blocks.

        Raises:
            ConfigurationError: they can't be written down.
        """
        ...
