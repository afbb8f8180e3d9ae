"""What a server counted in the folder of a tier, by tenant, so that a command need not count a million files."""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from radgate_server.adapters.cache.memory.byte_lru import Tally
from radgate_server.lib.files import write_whole

_NAME = ".tally"
_NONE = Tally()


class Count(NamedTuple):
    """How much each tenant keeps, and when that was so."""

    time: datetime
    tenants: Mapping[str, Tally]

    def of(self, tenant_id: str) -> Tally:
        """How much the tenant keeps."""
        return self.tenants.get(tenant_id, _NONE)


class TallyFile:
    """The file in `folder` that holds the count. Blocks on the disk."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME

    def write(self, count: Count) -> None:
        """Put the count in the place of an older one, wholly or not at all; a full or failing disk keeps nothing."""
        tenants = {name: [tally.entries, tally.used_bytes] for name, tally in count.tenants.items()}
        document = json.dumps({"time": count.time.isoformat(), "tenants": tenants})
        with suppress(OSError):
            write_whole(self._path, (document.encode(),))

    def read(self) -> Count | None:
        """The last count; None when there is none, or it can't be read."""
        try:
            document = json.loads(self._path.read_bytes())
            tenants = {name: Tally(*map(int, numbers)) for name, numbers in document["tenants"].items()}
            return Count(datetime.fromisoformat(document["time"]), tenants)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def remove(self) -> None:
        """There is no count any more."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
