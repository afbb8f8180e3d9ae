"""The place in the feed of changes, in a file beside what is cached."""

import json
import logging
from datetime import datetime, timedelta
from pathlib import Path

from radgate_server.core.access.ports.directory import CHANGES_KEPT
from radgate_server.core.cache.ports.feed_place import FeedPlace
from radgate_server.lib.clock import Clock
from radgate_server.lib.files import write_whole

AGAIN_AFTER = timedelta(hours=1)
"""The same place is written again only then, for it is saved each second."""

_log = logging.getLogger(__name__)


class FeedPlaceFile:
    """FeedPlaces. When the file can't be written the one before stays, from which more is applied than need be."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._saved: tuple[int, str, datetime] | None = None

    def load(self) -> FeedPlace | None:
        """The place saved last; None when there never was one."""
        try:
            sequence, mark, time = json.loads(self._path.read_text(encoding="utf-8"))
            age = self._clock.now() - datetime.fromisoformat(time)
            return FeedPlace(int(sequence), str(mark), outdated=age > CHANGES_KEPT - AGAIN_AFTER)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            _log.warning("where the feed of changes was left can't be read: %s", type(error).__name__)
            return FeedPlace(0, "", outdated=True)

    def save(self, sequence: int, mark: str) -> None:
        """Remember that all changes up to this one are applied, and until now no other was seen."""
        now, saved = self._clock.now(), self._saved
        if saved and saved[:2] == (sequence, mark) and now - saved[2] < AGAIN_AFTER:
            return
        self._saved = sequence, mark, now
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._path, (json.dumps([sequence, mark, now.isoformat()]).encode(),))
        except OSError as error:
            _log.warning("where the feed of changes is left can't be saved: %s", type(error).__name__)
