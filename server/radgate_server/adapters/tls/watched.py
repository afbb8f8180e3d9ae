"""TLS files that are looked at every few seconds, however they are replaced: written over, renamed, linked again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from radgate_server.adapters.tls.files import ends_at, read_tls
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.gateway.ports import TlsMaterial
from radgate_server.services.repeating import Repeating
from radgate_server.settings.access import TlsPaths

_log = logging.getLogger(__name__)

type RenewalListener = Callable[[TlsMaterial], Awaitable[None]]
type _Look = tuple[tuple[int, int, int] | None, ...]


class WatchedTls(Repeating):
    """TlsSource over files. Files that do not fit together, as halfway through a renewal, change nothing.

    Raises:
        ConfigurationError: they are not usable at the start.
    """

    def __init__(self, paths: TlsPaths, *, interval_s: float = 1.0) -> None:
        super().__init__("tls-files", interval_s=interval_s, trouble="TLS files can't be followed", wait_first=True)
        self._paths = paths
        self._seen = _look(paths)
        self._current = read_tls(paths)
        self._listeners: list[RenewalListener] = []

    @property
    def current(self) -> TlsMaterial:
        """The newest that was found good."""
        return self._current

    def on_renewal(self, listener: RenewalListener) -> None:
        """Notify `listener` of each renewal from now on."""
        self._listeners.append(listener)

    async def look(self) -> None:
        """Look now, and take what is new if it is good."""
        seen = await asyncio.to_thread(_look, self._paths)
        if seen == self._seen:
            return
        try:
            await self._renew(await asyncio.to_thread(read_tls, self._paths))
        except ConfigurationError as error:
            _log.warning("renewed TLS files are not usable, the former remain in use: %s", error.message)
        self._seen = seen

    async def _renew(self, material: TlsMaterial) -> None:
        if material == self._current:
            return
        for listener in self._listeners:
            await listener(material)
        self._current = material
        _log.info("TLS certificate is renewed", extra={"ends": ends_at(material).isoformat()})


def _look(paths: TlsPaths) -> _Look:
    return tuple(_state(path) for path in paths if path is not None)


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
