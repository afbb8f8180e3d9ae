"""The bucket: obstore behind a time-out for each operation and a circuit breaker."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from radgate_server.core.errors import ConfigurationError
from radgate_server.core.pacs.health import BreakerState
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.services.pacs.resilience.breaker import Breaker, BreakerPolicy
from radgate_server.services.pacs.resilience.operations import Verdict
from radgate_server.settings.cache import S3Settings

if TYPE_CHECKING:
    from obstore.store import S3Store

TIER = "s3"
WHOLE_BYTES = 64 << 20
"""Larger objects are written in parts, and read in pieces of this size or less."""

_FAILURES, _OPEN_S = 3, 5.0
_PART_BYTES = 8 << 20
_UPLOAD_RATE = 1 << 20
"""Bytes a second that an upload may be expected to make, beyond the time-out."""


class ObjectsAwayError(Exception):
    """The object store does not answer, is too slow, or wants to be left alone. That says nothing about the object."""


class ObjectMissingError(Exception):
    """There is no such object."""


class StoredObject(NamedTuple):
    """An object of the bucket, and when it was written."""

    object_key: str
    time: datetime


class ObjectStore:
    """Objects of one bucket below one prefix. Each operation takes `timeout_s` at most for each piece.

    After three failures in a row nothing is asked for some seconds, then one operation at a time.
    """

    def __init__(self, settings: S3Settings, installation: str, telemetry: Telemetry) -> None:
        self._settings = settings
        self._store = open_store(settings, installation)
        self._telemetry = telemetry
        self._breaker = Breaker(BreakerPolicy(_FAILURES, _OPEN_S), self._changed)

    @property
    def usable(self) -> bool:
        """Whether an operation would be tried now."""
        return self._breaker.refusal_s(time.monotonic()) is None

    async def check(self) -> None:
        """See that the bucket is there. Raises ConfigurationError, ObjectsAwayError."""
        import obstore

        try:
            async with asyncio.timeout(self._settings.timeout_s):
                await anext(obstore.list(self._store, chunk_size=1), None)
        except Exception as error:  # noqa: BLE001 - which it is, its text says alone
            if "NoSuchBucket" in str(error):
                name = self._settings.bucket
                raise ConfigurationError(f"cache.s3: there is no bucket {name!r} at the endpoint; make it") from None
            if isinstance(error, (obstore.exceptions.PermissionDeniedError, obstore.exceptions.UnauthenticatedError)):
                raise ConfigurationError("cache.s3: the credentials may not list the bucket; see its policy") from None
            raise ObjectsAwayError(type(error).__name__) from None

    async def read(self, object_key: str, start: int, end: int) -> bytes:
        """That range. Raises ObjectsAwayError, ObjectMissingError."""
        import obstore

        async with self._operation("get"):
            found = await obstore.get_range_async(self._store, object_key, start=start, end=end)
        self._telemetry.cache_bytes(TIER, "read", len(found))
        return bytes(found)

    async def write(self, object_key: str, data: bytes | Path, size_bytes: int) -> None:
        """Write a new object under a key of its own: whole, or in parts where it is a file. Raises ObjectsAwayError."""
        import obstore

        whole = isinstance(data, bytes)
        options = {"mode": "create", "use_multipart": False} if whole else {"chunk_size": _PART_BYTES}
        async with self._operation("put", extra_s=size_bytes / _UPLOAD_RATE):
            # Nobody else makes this key: if it is there, an earlier try has written it, whose answer was lost.
            with suppress(obstore.exceptions.AlreadyExistsError):
                await obstore.put_async(self._store, object_key, data, **options)
        self._telemetry.cache_bytes(TIER, "written", size_bytes)

    async def delete(self, object_keys: Collection[str]) -> None:
        """Delete them; those that are not there are deleted. Raises ObjectsAwayError."""
        import obstore

        for object_key in object_keys:
            try:
                async with self._operation("delete"):
                    await obstore.delete_async(self._store, object_key)
            except ObjectMissingError:
                continue

    async def pages(self) -> AsyncIterator[Sequence[StoredObject]]:
        """All objects of the installation, page by page. Raises ObjectsAwayError."""
        import obstore

        listing = obstore.list(self._store, chunk_size=1000)
        while True:
            async with self._operation("list"):
                page = await anext(listing, None)
            if page is None:
                return
            yield [StoredObject(str(one["path"]), one["last_modified"]) for one in page]

    @asynccontextmanager
    async def _operation(self, name: str, extra_s: float = 0.0) -> AsyncIterator[None]:
        began_s = time.monotonic()
        ticket = self._breaker.enter(began_s)
        if ticket is None:
            raise ObjectsAwayError("the circuit breaker is open")
        verdict, outcome = Verdict.UNKNOWN, "cancelled"
        try:
            async with asyncio.timeout(self._settings.timeout_s + extra_s):
                yield
            verdict, outcome = Verdict.ANSWERED, "ok"
        except FileNotFoundError as error:
            verdict, outcome = Verdict.ANSWERED, "missing"
            raise ObjectMissingError from error
        except Exception as error:
            verdict, outcome = Verdict.FAILED, "timeout" if isinstance(error, TimeoutError) else "failed"
            raise ObjectsAwayError(type(error).__name__) from error
        finally:
            ended_s = time.monotonic()
            self._breaker.record(ticket, verdict, ended_s)
            self._telemetry.cache_operation(TIER, name, outcome, ended_s - began_s)

    def _changed(self, state: BreakerState) -> None:
        if state is BreakerState.OPEN:
            self._telemetry.cache_failed(TIER, "away")


def open_store(settings: S3Settings, installation: str) -> "S3Store":
    """Connects to nothing yet. `installation` is what its objects' keys begin with, after the prefix.

    Raises:
        ConfigurationError: the extra `s3` is not installed, a file of credentials can't be read, or a setting is odd.
    """
    try:
        from obstore.store import S3Store
    except ImportError:
        raise ConfigurationError("cache.s3 needs the extra s3: pip install 'radgate-server[s3]'") from None
    options: dict[str, object] = {"region": settings.region}
    if settings.endpoint:
        options["endpoint"] = settings.endpoint
    if settings.access_key_id_file and settings.secret_access_key_file:
        options["access_key_id"] = _secret(settings.access_key_id_file)
        options["secret_access_key"] = _secret(settings.secret_access_key_file)
    elif settings.anonymous:
        options["skip_signature"] = True
    client = {"allow_http": settings.endpoint.startswith("http://"), "connect_timeout": "2s", "timeout": "1h"}
    prefix = "/".join(part for part in (settings.prefix.strip("/"), installation) if part)
    try:
        return S3Store(
            settings.bucket,
            prefix=prefix,
            client_options=client,  # type: ignore[arg-type]
            retry_config={"max_retries": 0},  # ours: a reader goes to the PACS, an upload waits
            **options,  # type: ignore[arg-type]
        )
    except Exception as error:  # noqa: BLE001 - of obstore's own, which it raises for any odd setting
        raise ConfigurationError(f"cache.s3 can't be used: {type(error).__name__}") from None


def pieces_of(length: int) -> Iterator[tuple[int, int]]:
    """Ranges of at most _PART_BYTES that make up so many bytes."""
    for start in range(0, length, _PART_BYTES):
        yield start, min(start + _PART_BYTES, length)


async def retried(work: Callable[[], Awaitable[None]], waits_s: Sequence[float]) -> None:
    """Do it again after each wait while the object store is away. Raises ObjectsAwayError."""
    for wait_s in waits_s:
        try:
            return await work()
        except ObjectsAwayError:
            await asyncio.sleep(wait_s)
    return await work()


def _secret(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        raise ConfigurationError("cache.s3: a file of the credentials can't be read") from None
