"""Files turned into a stream of pieces, and what the server made of them; shared by both clients."""

import asyncio
import os
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from io import BytesIO, IOBase
from pathlib import Path
from typing import BinaryIO

import google_crc32c

from radgate.assembly import OnProgress, Progress
from radgate.errors import reason_in
from radgate.v1 import store_service_pb2

CHUNK_BYTES = 1 << 20

type Storable = str | os.PathLike[str] | bytes | BinaryIO
"""A DICOM file (PS3.10): its path, its bytes, or a file that is open for reading bytes."""


@dataclass(frozen=True, slots=True)
class StoreResult:
    """How the storing of one instance ended; UIDs are "" when its bytes do not state.

    `dicom_status` is 0 for success, 0xB000 and the like where the PACS stored it with a warning, all else a failure.
    `reason` and `message` say why it failed, as for a RadgateError.
    """

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    stored: bool
    dicom_status: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class StoreReport:
    """The PACS that the instances went to, and each one's result in the order in which they were given."""

    pacs: str
    results: tuple[StoreResult, ...]

    @property
    def failed(self) -> tuple[StoreResult, ...]:
        """Those that were not stored."""
        return tuple(result for result in self.results if not result.stored)


class Upload:
    """The requests of one upload, made as they are sent. Raises ValueError for a lone file, path or folder."""

    def __init__(
        self, files: Iterable[Storable], pacs: str, study_instance_uid: str, on_progress: OnProgress | None
    ) -> None:
        if isinstance(files, str | os.PathLike | bytes | IOBase):
            raise ValueError(
                'files must be a list, not one path or file: [file], or for a folder Path(folder).rglob("*.dcm")'
            )
        self._files = files
        self._target = store_service_pb2.StoreTarget(pacs=pacs, study_instance_uid=study_instance_uid)
        self._on_progress = on_progress
        self._instances = self._bytes = 0
        self._failure: Exception | None = None

    def requests(self) -> Iterator[store_service_pb2.StoreInstancesRequest]:
        """One piece after the other; when a file can't be read they end, and `report` or `check` says why."""
        yield store_service_pb2.StoreInstancesRequest(target=self._target)
        try:
            for file in self._files:
                yield from self._pieces(file)
        except Exception as error:  # noqa: BLE001 - grpc would log it and report the caller nothing of it
            self._failure = error

    def check(self) -> None:
        """Raise what made the requests end early: OSError for a file, whatever the iterable or the callback raised."""
        if self._failure is not None:
            raise self._failure

    def report(self, response: store_service_pb2.StoreInstancesResponse) -> StoreReport:
        """The server's answer. Raises as `check`."""
        self.check()
        return StoreReport(response.pacs, tuple(map(_result, response.results)))

    def _pieces(self, file: Storable) -> Iterator[store_service_pb2.StoreInstancesRequest]:
        crc32c = 0
        with opened(file) as source:
            yield store_service_pb2.StoreInstancesRequest(start=store_service_pb2.StoreStart())
            while chunk := source.read(CHUNK_BYTES):
                crc32c = google_crc32c.extend(crc32c, chunk)
                yield store_service_pb2.StoreInstancesRequest(chunk=chunk)
                self._bytes += len(chunk)
                self._report_progress()
        yield store_service_pb2.StoreInstancesRequest(end=store_service_pb2.StoreEnd(crc32c=crc32c))
        self._instances += 1
        self._report_progress()

    def _report_progress(self) -> None:
        if self._on_progress is not None:
            self._on_progress(Progress(self._instances, self._bytes))


def opened(file: Storable) -> AbstractContextManager[BinaryIO]:
    """The file to read from; what the caller opened is the caller's to close. Raises OSError."""
    match file:
        case bytes():
            return BytesIO(file)
        case str() | os.PathLike():
            return Path(file).open("rb")
        case _:
            return nullcontext(file)


async def in_threads[Item](items: Iterator[Item]) -> AsyncGenerator[Item]:
    """Draw each item in a thread, for it may be read from a disk."""
    while (item := await asyncio.to_thread(next, items, None)) is not None:
        yield item


def _result(result: store_service_pb2.StoreResult) -> StoreResult:
    ref, status = result.ref, result.status
    return StoreResult(
        ref.study_instance_uid,
        ref.series_instance_uid,
        ref.sop_instance_uid,
        result.sop_class_uid,
        not status.code,
        result.dicom_status,
        reason_in(status),
        status.message,
    )
