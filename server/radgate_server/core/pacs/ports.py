"""One PACS, role by role. What a PACS can't do is an absent role, never a method that refuses.

All methods raise PacsError and its subclasses; cancelling a call releases what it holds of the PACS.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.dicom.instances import Arrival, ListedInstance, ReceivedInstance
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.pacs.capabilities import Capabilities
from radgate_server.core.pacs.connections import PacsConfig
from radgate_server.core.query.model import FindResult, Query


@dataclass(frozen=True, slots=True)
class EchoReport:
    """The answer to a health check: how long it took, and what the PACS said of itself ("" when nothing)."""

    latency_ms: float
    detail: str


class PacsEcho(Protocol):
    """Verification (PS3.4 A)."""

    async def echo(self) -> EchoReport:
        """Open a fresh connection to the PACS and make a health check."""
        ...


class PacsQuery(Protocol):
    """Query (PS3.4 C.4.1)."""

    async def find(self, query: Query, *, max_results: int) -> FindResult:
        """Return at most `max_results` matches; more than that are cut off (and the PACS is asked to stop)."""
        ...


class PacsReader(Protocol):
    """Retrieve (PS3.4 C.4.2, C.4.3)."""

    def retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AbstractAsyncContextManager[AsyncIterator[Arrival]]:
        """Fetch what `scope` names; `listed` is what the PACS says it holds there (all of it or a part still missing).

        The iterator yields each instance as it arrives, in the PACS's order, at the consumer's pace: an adapter holds
        at most a few instances ahead. It ends when the PACS is done, whether or not all came: the caller compares with
        `listed`. Instances that the PACS says it failed to send come as FailedInstance where it names them. A failure
        of the whole raises. Leaving the context early cancels the operation at the PACS and frees the connection.
        """
        ...


@dataclass(frozen=True, slots=True)
class StoreOutcome:
    """The PACS holds the instance. `warning` is the status (PS3.4 B.2.3) if it stored it with a warning, else 0."""

    warning: int = 0


class PacsStore(Protocol):
    """Storage (PS3.4 B)."""

    async def store(self, instance: ReceivedInstance) -> StoreOutcome:
        """Store one instance, its bytes untouched; one that the PACS holds already is no failure.

        A PacsError has the DICOM status in `details["status"]` (hexadecimal, "A700") where the PACS reported one.
        """
        ...


class PacsDescriber(Protocol):
    """Reports what the PACS can do."""

    async def describe(self) -> Capabilities:
        """Ask the PACS; opens connections of its own and takes a few seconds at most."""
        ...


@dataclass(frozen=True, slots=True)
class StudyChange:
    """A study of which something was added, changed or removed in the PACS; UID "" when it is unknown of which.

    `removed` counts what was overwritten, too. `doubtful` says that it can't be determined whether anything was.
    """

    study_instance_uid: str
    removed: bool
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class ChangeBatch:
    """Changes, the oldest first. `last` is where to continue; `more` means that there is more already."""

    changes: tuple[StudyChange, ...]
    last: int
    more: bool


class PacsChanges(Protocol):
    """A PACS that reports what changes in it."""

    async def changes_after(self, last: int | None) -> ChangeBatch:
        """Changes after the place `last`; None gives no changes, but the place where the feed ends now."""
        ...


@dataclass(frozen=True, slots=True)
class PacsClient:
    """A connected PACS: its roles, and how to release it.

    `hierarchical` when a query that does not name the study is a walk through all studies (PS3.4 C.4.1.2.2).
    `arrives_elsewhere` when what it sends comes to another server of the installation, which has to be asked for it.
    """

    name: str
    echo: PacsEcho
    query: PacsQuery
    reader: PacsReader
    store: PacsStore | None
    close: Callable[[], Awaitable[None]]
    describer: PacsDescriber | None = None
    changes: PacsChanges | None = None
    hierarchical: bool = False
    arrives_elsewhere: bool = False


type PacsFactory = Callable[[PacsConfig], PacsClient]
"""Makes a client without I/O; connections are opened when first used."""


def make_client(factories: Mapping[str, PacsFactory], config: PacsConfig) -> PacsClient:
    """The client of a PACS, by the factory of its kind.

    Raises:
        ConfigurationError: its settings are not usable here, or its kind is unknown.
    """
    if reason := config.connection.unusable:
        raise ConfigurationError(reason)
    return factories[config.connection.kind](config)
