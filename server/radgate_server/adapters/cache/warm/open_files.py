"""Open warm files, a bounded number of them. Shared by threads."""

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from threading import Lock

import google_crc32c

from radgate_server.adapters.cache.disk.layout import INSTANCE_SUFFIX, EntryKey, entry_key
from radgate_server.adapters.cache.disk.stored_bytes import FileForm, StoredBytes
from radgate_server.adapters.cache.warm.file_format import (
    FOOTER_GUESS_BYTES,
    DamagedError,
    Footer,
    decode_footer,
    footer_length,
    span_blocks,
)
from radgate_server.lib.sealed_blocks import BLOCK_BYTES

ROLE = INSTANCE_SUFFIX

_WHOLE_BYTES = 64 << 20
"""A file up to this size that is read whole is checked by its one checksum, which saves cutting it into blocks."""


class OpenFile:
    """An open warm file and its footer; closed once it is retired and its last user is done, never under a reader."""

    __slots__ = ("_lock", "_retired", "_users", "content", "fd", "footer", "touched_s")

    def __init__(self, fd: int, content: StoredBytes, footer: Footer, touched_s: float) -> None:
        self.fd = fd
        self.content = content
        self.footer = footer
        self.touched_s = touched_s
        """When the time of last use was last written to the file, by the monotonic clock."""
        self._lock = Lock()
        self._users = 0
        self._retired = False

    @contextmanager
    def in_use(self) -> Iterator[bool]:
        """Keep the file from being closed. Yields False when it is retired, so that its `fd` must not be touched."""
        with self._lock:
            usable = not self._retired
            self._users += usable
        try:
            yield usable
        finally:
            if usable:
                self._release()

    def is_current(self) -> bool:
        """Whether the file still is in its place: neither deleted nor replaced, by whichever process."""
        with self.in_use() as usable:
            return usable and os.fstat(self.fd).st_nlink > 0

    def retire(self) -> None:
        """Close the file as soon as nobody reads it."""
        with self._lock:
            close_now = not self._retired and self._users == 0
            self._retired = True
        if close_now:
            os.close(self.fd)

    def _release(self) -> None:
        with self._lock:
            self._users -= 1
            close_now = self._retired and self._users == 0
        if close_now:
            os.close(self.fd)


class OpenFiles:
    """The warm files last used, at most `limit` of them (besides those that a thread is reading just now)."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = Lock()
        self._files: OrderedDict[EntryKey, OpenFile] = OrderedDict()

    def get(self, key: EntryKey) -> OpenFile | None:
        """The instance's open file if there is one and it still is in its place."""
        with self._lock:
            file = self._files.get(key)
            if file is not None:
                self._files.move_to_end(key)
        if file is None or file.is_current():
            return file
        self.drop(key)
        return None

    def add(self, key: EntryKey, file: OpenFile) -> None:
        """Keep the file, in the place of an older one."""
        with self._lock:
            retired = [self._files.pop(key, None)]
            self._files[key] = file
            while len(self._files) > self._limit:
                retired.append(self._files.popitem(last=False)[1])
        for old in retired:
            if old is not None:
                old.retire()

    def drop(self, key: EntryKey) -> None:
        """Let go of the instance's file."""
        self._retire_where(lambda other: other == key)

    def drop_group(self, tenant_id: str, study: str | None) -> None:
        """Let go of the tenant's files, of one study (given by its hash) or all."""
        self._retire_where(lambda key: key.tenant_id == tenant_id and study in (None, key.study))

    def drop_all(self) -> None:
        """Let go of all files."""
        self._retire_where(lambda _: True)

    def _retire_where(self, chosen: Callable[[EntryKey], bool]) -> None:
        with self._lock:
            retired = [self._files.pop(key) for key in list(self._files) if chosen(key)]
        for file in retired:
            file.retire()


def open_file(path: Path, key: EntryKey, form: FileForm) -> OpenFile:
    """Open the warm file at `path` and read its footer, which must say that it belongs there.

    Raises:
        OSError: it can't be opened or read; FileNotFoundError when it is not there.
        DamagedError: it is not a whole warm file, or another instance's.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        content = form.reader(fd, key, ROLE)
        footer = read_footer(content)
        if entry_key(key.tenant_id, footer.ref) != key:  # someone moved files about: never serve another one's image
            raise DamagedError
        return OpenFile(fd, content, footer, touched_s=-inf)
    except BaseException:
        os.close(fd)
        raise


def read_footer(content: StoredBytes) -> Footer:
    """The footer of a warm file. Raises OSError, DamagedError."""
    size_bytes = content.size_bytes
    end = content.read(max(0, size_bytes - FOOTER_GUESS_BYTES), FOOTER_GUESS_BYTES)
    length = footer_length(end, size_bytes)
    if length > len(end):
        end = content.read(size_bytes - length, length)
    return decode_footer(end[-length:])


def read_verified(file: OpenFile, offset: int, length: int) -> bytes:
    """Read a span of the DICOM file; every block that it touches is verified, once. The file must be in use.

    Raises:
        OSError: the disk can't read it.
        DamagedError: a block fails its check.
    """
    footer = file.footer
    if file.content.authentic:
        data = file.content.read(offset, length)
        if len(data) != length:
            raise DamagedError
        return data
    if length == footer.size_bytes <= _WHOLE_BYTES:
        data = file.content.read(0, length)
        if len(data) != length or google_crc32c.value(data) != footer.crc32c:
            raise DamagedError
        return data
    blocks = span_blocks(offset, length)
    data = b"".join(_read_block(file, number) for number in blocks)
    start = offset - blocks.start * BLOCK_BYTES
    return data[start : start + length]


def verify_whole(file: OpenFile) -> None:
    """Read and verify all of the DICOM file, keeping none of it. Otherwise like read_verified."""
    for number in span_blocks(0, file.footer.size_bytes):
        _read_block(file, number)


def _read_block(file: OpenFile, number: int) -> bytes:
    start = number * BLOCK_BYTES
    block = file.content.read(start, min(BLOCK_BYTES, file.footer.size_bytes - start))
    if google_crc32c.value(block) != file.footer.block_crc32c[number]:
        raise DamagedError
    return block
