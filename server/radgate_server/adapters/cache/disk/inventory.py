"""What the disks of all tiers have: their folder, what lies in it, and the stock that is taken of it at the start."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable
from enum import Enum
from itertools import takewhile
from threading import Event

from radgate_server.adapters.cache.disk.catalogue import Catalogue
from radgate_server.adapters.cache.disk.layout import EntryKey, TierFolder
from radgate_server.adapters.cache.disk.stored_bytes import FileForm
from radgate_server.adapters.cache.disk.tally_file import Count, TallyFile
from radgate_server.adapters.cache.memory.byte_lru import Tally
from radgate_server.adapters.cache.tenant_shares import TenantShares
from radgate_server.lib.clock import Clock

TOUCH_INTERVAL_S = 60.0
"""The time of last use is written to a file at most this often: it only has to order evictions after a restart."""


class Inventory(Enum):
    """How a process knows what lies on the disk."""

    TAKEN = "taken"  # a server: accounts for every file, keeps the limit, and leaves its count for commands
    REPORTED = "reported"  # a command: by the count that a server left, and where there is none, by its own
    COUNTED = "counted"  # a command: by its own count alone


class AccountedDisk(ABC):
    """Files in `folder`, up to `limit_bytes` for all tenants, which `catalogue` accounts for. Blocks on the disk.

    Other processes may delete files of the folder at any time: a file that is not there is one that we don't have.
    `failed` is notified of what goes wrong: "disk" or "damaged". `form` is how bytes come to the files.
    """

    def __init__(
        self,
        folder: TierFolder,
        limit_bytes: int,
        clock: Clock,
        failed: Callable[[str], None],
        form: FileForm,
        shares: TenantShares,
    ) -> None:
        self.catalogue = Catalogue(limit_bytes, shares)
        self._folder = folder
        self._count = TallyFile(folder.root)
        self._clock = clock
        self._failed = failed
        self._form = form
        self._removals: Counter[str] = Counter()
        self._closing = Event()
        self._inventory_taken = False

    def prepare(self) -> None:
        """Make the folder. Raises OSError."""
        self._folder.prepare()

    def take_inventory(self) -> None:
        """Account for what an earlier run left, and clear away what it left half written."""
        self._folder.remove_abandoned()
        self._folder.remove_foreign()
        found = takewhile(lambda _: not self._closing.is_set(), self._folder.entries())
        self._delete(self.catalogue.merge(found))
        self._inventory_taken = not self._closing.is_set()

    def save_count(self) -> None:
        """Leave for commands what the tenants keep, once stock has been taken."""
        if self._inventory_taken:
            self._count.write(Count(self._clock.now(), self.catalogue.tallies()))

    def count(self, tenant_id: str, inventory: Inventory) -> Count:
        """What the tenant keeps, for a command."""
        if inventory is Inventory.REPORTED and (saved := self._count.read()):
            return saved
        sizes = [entry.size_bytes for entry in self._folder.entries(tenant_id)]
        return Count(self._clock.now(), {tenant_id: Tally(len(sizes), sum(sizes))})

    def stop(self) -> None:
        """Let a stock-taking that is in progress end early."""
        self._closing.set()

    def measure(self, tenant_id: str, study: str) -> tuple[int, int]:
        """How many files there are of the study (given by its hash), and how many bytes."""
        return self._folder.measure(tenant_id, study)

    def _group_removed(self, tenant_id: str, study: str | None) -> None:
        """The tenant's files are deleted, of one study or all: who has not taken stock can't say what is left."""
        self.catalogue.forget_group(tenant_id, study)
        if not self._inventory_taken:
            self._count.remove()

    @abstractmethod
    def _delete(self, keys: Iterable[EntryKey]) -> None:
        """Delete the files of entries that the catalogue has released."""
