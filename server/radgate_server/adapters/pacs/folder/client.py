"""The roles of a folder PACS."""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from radgate_server.adapters.pacs.folder.headers import HeldInstance, read_instance
from radgate_server.adapters.pacs.folder.index import FolderIndex
from radgate_server.adapters.pacs.folder.scan import Progress, Snapshot
from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.dicom.instances import Arrival, FailedInstance, FileContent, ListedInstance, ReceivedInstance
from radgate_server.core.errors import (
    InstanceMalformedError,
    InstanceNotSentError,
    PacsCannotError,
    PacsUnreachableError,
)
from radgate_server.core.pacs.connections import FolderConnection, PacsConfig
from radgate_server.core.pacs.ports import EchoReport, PacsClient
from radgate_server.core.query.model import FindResult, Query
from radgate_server.core.telemetry.observing import observed_call
from radgate_server.core.telemetry.ports import Telemetry

_REPLACED = "the file was removed or replaced since the folder was read"


def build_folder_pacs(
    config: PacsConfig,
    *,
    telemetry: Telemetry,
    progress: Progress | None = None,
    index: FolderIndex | None = None,
) -> PacsClient:
    """Make a read-only PACS of a directory tree; it is indexed when first used, or was by `index_folder`.

    Raises:
        PacsCannotError: the configuration is not that of a folder.
    """
    connection = config.connection
    if not isinstance(connection, FolderConnection):
        raise PacsCannotError("this PACS is not a folder", pacs=config.name)
    folder = _Folder(config, index or FolderIndex(Path(connection.path), progress), telemetry)
    return PacsClient(config.name, folder, folder, folder, None, folder.close)


class _Folder:
    """PacsEcho, PacsQuery and PacsReader over the index of a directory tree."""

    def __init__(self, config: PacsConfig, index: FolderIndex, telemetry: Telemetry) -> None:
        self._tenant_id = config.tenant_id
        self._name = config.name
        self._index = index
        self._telemetry = telemetry

    async def echo(self) -> EchoReport:
        """Look at the tree."""
        start = time.perf_counter()
        with observed_call(self._telemetry, self._tenant_id, self._name, "echo"):
            self._index.expire()
            snapshot = await self._snapshot()
        return EchoReport((time.perf_counter() - start) * 1000, _summary(snapshot))

    async def find(self, query: Query, *, max_results: int) -> FindResult:
        """Search the index, off the event loop: a query that many instances match takes its time."""
        with observed_call(self._telemetry, self._tenant_id, self._name, "find"):
            snapshot = await self._snapshot()
            return await asyncio.to_thread(snapshot.holdings.find, query, max_results=max_results)

    @asynccontextmanager
    async def retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AsyncIterator[AsyncIterator[Arrival]]:
        """Hand over files, unread; only those of `listed` when it is not empty."""
        with observed_call(self._telemetry, self._tenant_id, self._name, "retrieve"):
            snapshot = await self._snapshot()
            wanted = {item.ref for item in listed}
            held = [item for item in snapshot.holdings.select(scope) if not wanted or item.ref in wanted]
            async with aclosing(self._arrivals(held)) as arrivals:
                yield arrivals

    async def close(self) -> None:
        """Stop indexing."""
        await self._index.close()

    async def _arrivals(self, held: Sequence[HeldInstance]) -> AsyncGenerator[Arrival]:
        for instance in held:
            current = await asyncio.to_thread(_current, instance)
            if current is not instance:
                self._index.invalidate()
            if current is None:
                yield FailedInstance(instance.ref, InstanceNotSentError(_REPLACED, pacs=self._name))
                continue
            self._telemetry.bytes_received(self._tenant_id, self._name, current.content.size_bytes)
            yield ReceivedInstance(current.ref, current.sop_class_uid, current.transfer_syntax_uid, current.content)

    async def _snapshot(self) -> Snapshot:
        try:
            return await self._index.snapshot()
        except InterruptedError:
            raise PacsUnreachableError("the folder is being closed", pacs=self._name) from None
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else "it is not a directory"
            raise PacsUnreachableError(f"the folder can't be read: {reason}", pacs=self._name) from None


def _current(instance: HeldInstance) -> HeldInstance | None:
    """The instance as its file has it now, None when that is gone or holds another one."""
    content = instance.content
    if not isinstance(content, FileContent):
        return instance
    try:
        status = content.path.stat()
        if status.st_mtime_ns == instance.modified_ns and status.st_size == content.size_bytes:
            return instance
        current = read_instance(content.path)
    except (OSError, InstanceMalformedError):
        return None
    return current if current is not None and current.ref == instance.ref else None


def _summary(snapshot: Snapshot) -> str:
    counts = {
        "instances": len(snapshot.holdings),
        "duplicates": snapshot.holdings.duplicates,
        "files that are no DICOM": snapshot.not_dicom,
        "unreadable files": snapshot.unreadable,
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count or what == "instances")
