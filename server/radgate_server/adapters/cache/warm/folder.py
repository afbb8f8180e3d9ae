"""The warm folder as a whole: files, catalogue and open files kept in step. Blocks on the disk; shared by threads."""

import mmap
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import google_crc32c

from radgate_server.adapters.cache.disk.inventory import TOUCH_INTERVAL_S, AccountedDisk
from radgate_server.adapters.cache.disk.layout import INDEX_SUFFIX, EntryKey, TierFolder, entry_key, study_hash
from radgate_server.adapters.cache.disk.stored_bytes import FileForm, Owner, StoredBytes
from radgate_server.adapters.cache.tenant_shares import EQUAL_SHARES, TenantShares
from radgate_server.adapters.cache.warm.file_format import (
    DamagedError,
    Footer,
    KeyErasedError,
    decode_index,
    encode_index,
)
from radgate_server.adapters.cache.warm.open_files import (
    ROLE,
    OpenFile,
    OpenFiles,
    open_file,
    read_footer,
    read_verified,
    verify_whole,
)
from radgate_server.adapters.cache.warm.writing import temporary_file, write_instance
from radgate_server.core.cache.ages import EntryTimes
from radgate_server.core.cache.scope import CacheScope
from radgate_server.core.dicom.instances import InstanceContent, ReceivedInstance
from radgate_server.core.errors import CorruptEntryError, InstanceMalformedError, StorageFullError
from radgate_server.lib.clock import Clock
from radgate_server.lib.files import write_all

_HEAD_BYTES = 256 * 1024
"""The front of a DICOM file in which its Patient ID is looked for."""

OPEN_FILES = 256
_FOOTER_ALLOWANCE_BYTES = 1024
_OPEN_TRIES = 3


class WarmDisk(AccountedDisk):
    """Instances and their indexes in the folder `root`; the least recently used make room."""

    def __init__(
        self,
        root: Path,
        limit_bytes: int,
        clock: Clock,
        failed: Callable[[str], None],
        form: FileForm,
        shares: TenantShares = EQUAL_SHARES,
    ) -> None:
        super().__init__(TierFolder(root, mark=form.mark), limit_bytes, clock, failed, form, shares)
        self._files = OpenFiles(OPEN_FILES)

    def close(self) -> None:
        """Close all files."""
        self._files.drop_all()

    def write(self, key: EntryKey, instance: ReceivedInstance) -> Footer:
        """Keep the instance in the place of an older copy.

        Raises:
            StorageFullError: there is no room, the disk fails, or the study was removed meanwhile; nothing was kept.
        """
        removals = self._removals[key.tenant_id]
        with self._room_for(key.tenant_id, instance.content.size_bytes + _FOOTER_ALLOWANCE_BYTES):
            self._folder.prepare()  # an operator may have emptied the folder under us
            self._folder.insist_on_reserve(instance.content.size_bytes)
            with temporary_file(self._folder.incoming) as temporary:
                writer = self._form.writer(temporary.fd, key, ROLE, _owner_of(instance))
                footer = write_instance(writer.write, instance, self._clock.now().timestamp())
                writer.finish()
                file_bytes = os.fstat(temporary.fd).st_size
                self._folder.remove_index(key)
                content = self._form.reader(temporary.fd, key, ROLE)
                self._folder.publish(temporary.path, key)
            self._files.add(key, OpenFile(temporary.fd, content, footer, self._clock.monotonic_s()))
        self.catalogue.add(key, file_bytes)
        if removals != self._removals[key.tenant_id]:
            self._drop(key)
            raise StorageFullError("the study was removed while the instance was written")
        return footer

    def copy(self, key: EntryKey) -> bytes | None:
        """The instance's file as it lies on the disk, None when it is not there. Raises OSError."""
        try:
            return self._folder.path(key).read_bytes()
        except FileNotFoundError:
            return None

    def path(self, key: EntryKey) -> Path:
        """Where the instance's file is, if it is."""
        return self._folder.path(key)

    def removals(self, tenant_id: str) -> int:
        """Grows with each removal of something of the tenant."""
        return self._removals[tenant_id]

    def adopt(self, key: EntryKey, size_bytes: int, checksum: int, pieces: Iterable[bytes], removals: int) -> Footer:
        """Take a file that another server's `copy` gave, in the place of an older one.

        Raises:
            StorageFullError: there is no room, the disk fails, or something was removed after `removals` was read;
                nothing was kept.
            DamagedError: it is not that file (`checksum` is its CRC-32C), or its key was erased.
        """
        with self._room_for(key.tenant_id, size_bytes):
            self._folder.prepare()
            self._folder.insist_on_reserve(size_bytes)
            with temporary_file(self._folder.incoming) as temporary:
                found = 0
                for piece in pieces:
                    found = google_crc32c.extend(found, piece)
                    write_all(temporary.fd, piece)
                if found != checksum or os.fstat(temporary.fd).st_size != size_bytes:
                    raise DamagedError
                content, footer = self._opened(temporary.fd, key)
                self._folder.remove_index(key)
                self._folder.publish(temporary.path, key)
            self._files.add(key, OpenFile(temporary.fd, content, footer, self._clock.monotonic_s()))
        self.catalogue.add(key, size_bytes)
        if removals != self._removals[key.tenant_id]:
            self._drop(key)
            raise StorageFullError("the study was removed while the instance was written")
        return footer

    def _opened(self, fd: int, key: EntryKey) -> tuple[StoredBytes, Footer]:
        try:
            content = self._form.reader(fd, key, ROLE)
        except KeyErasedError:
            raise DamagedError from None  # nobody will ever read it: that is not for want of room
        footer = read_footer(content)
        if entry_key(key.tenant_id, footer.ref) != key:
            raise DamagedError
        return content, footer

    def footer_at_hand(self, key: EntryKey) -> Footer | None:
        """The footer of the instance if its file is open. Does not block."""
        file = self._files.get(key)
        if file is None:
            return None
        self.catalogue.touch(key)
        return file.footer

    def find(self, key: EntryKey) -> Footer | None:
        """The footer of the instance, None when it is not there."""
        file = self._open(key)
        return None if file is None else file.footer

    def read(self, key: EntryKey, footer: Footer, offset: int, length: int) -> bytes:
        """Read a span of the very file that `footer` was read from; see InstanceHandle.read."""
        with self._reading(key, footer) as file:
            return read_verified(file, offset, length)

    def map(self, key: EntryKey, footer: Footer) -> mmap.mmap:
        """Map that file (footer included), verified as a whole; see InstanceHandle.open_buffer.

        Reading it all beforehand also turns a failing disk into an error here; later it would be a signal (SIGBUS).
        """
        with self._reading(key, footer) as file:
            if not file.content.authentic:
                verify_whole(file)
            return file.content.map()

    def write_index(self, key: EntryKey, serialised: bytes) -> None:
        """Keep the index beside the instance; does nothing when the instance is gone.

        Raises:
            StorageFullError: there is no room, or the disk fails.
        """
        footer = self.find(key)
        if footer is None:
            return
        data = encode_index(footer, serialised)
        with self._room_for(key.tenant_id, len(data)):
            with temporary_file(self._folder.incoming) as temporary:
                owner = Owner(footer.ref.study_instance_uid, lambda: "")
                writer = self._form.writer(temporary.fd, key, INDEX_SUFFIX, owner)
                writer.write(data)
                writer.finish()
                self._folder.publish(temporary.path, key, self._folder.index_suffix)
            os.close(temporary.fd)
        entry = self._folder.entry(key)
        if entry is None:
            self._folder.remove(key)
        else:
            self.catalogue.add(key, entry.size_bytes)

    def read_index(self, key: EntryKey) -> bytes | None:
        """The serialised index beside the instance, None when there is none or it belongs to other bytes."""
        footer = self.find(key)
        if footer is None:
            return None
        try:
            with self._folder.path(key, self._folder.index_suffix).open("rb") as file:
                content = self._form.reader(file.fileno(), key, INDEX_SUFFIX)
                return decode_index(footer, content.read(0, content.size_bytes))
        except OSError:
            return None
        except DamagedError:
            self._folder.remove_index(key)
            return None

    def remove_group(self, tenant_id: str, study: str | None) -> int:
        """Delete the tenant's instances, of one study (given by its hash) or all; return how many.

        The key is forgotten first: who begins to write or to open after that does so without the one that was erased.
        Who began before sees at the end that there was a removal.
        """
        self._form.forget(tenant_id, study)
        self._removals[tenant_id] += 1
        count = self._folder.remove_group(tenant_id, study)
        self._group_removed(tenant_id, study)
        self._files.drop_group(tenant_id, study)
        return count

    def times(self, tenant_ids: Collection[str], count: int) -> tuple[int, list[EntryTimes]]:
        """How many instances the tenants have, and when about `count` of them, evenly chosen, were used and fetched."""
        entries, keys = self.catalogue.spread(tenant_ids, count)
        found = []
        for key in keys:
            entry, footer = self._folder.entry(key), self._footer_of(key)
            if entry is not None and footer is not None:
                found.append(EntryTimes(entry.used_s, footer.origin.fetched_s))
        return entries, found

    def count_part(self, scope: CacheScope) -> int:
        """How many instances `remove_part` would delete."""
        return sum(1 for _ in self._covered(scope))

    def remove_part(self, scope: CacheScope) -> int:
        """Delete the instances that the scope covers, and those that can't be read; return how many."""
        self._removals[scope.tenant_id] += 1
        count = 0
        for key in self._covered(scope):
            self._drop(key)
            count += 1
        if not self._inventory_taken:
            self._count.remove()
        return count

    def _covered(self, scope: CacheScope) -> Iterator[EntryKey]:
        study = study_hash(scope.study_instance_uid) if scope.study_instance_uid else None
        for entry in self._folder.entries(scope.tenant_id, study):
            footer = self._footer_of(entry.key)
            if footer is None or scope.covers(footer.ref, footer.origin):
                yield entry.key

    def _footer_of(self, key: EntryKey) -> Footer | None:
        """The footer, without opening the file for others; None when it can't be read."""
        if (file := self._files.get(key)) is not None:
            return file.footer
        try:
            file = open_file(self._folder.path(key), key, self._form)
        except (OSError, DamagedError):
            return None
        file.retire()
        return file.footer

    @contextmanager
    def _room_for(self, tenant_id: str, size_bytes: int) -> Iterator[None]:
        with self.catalogue.room_for(tenant_id, size_bytes) as victims:
            self._delete(victims)
            try:
                yield
            except KeyErasedError as error:
                raise StorageFullError("the study's key was erased while its data was written") from error
            except OSError as error:
                self._failed("disk")
                raise StorageFullError("the disk of the warm tier takes no more") from error

    def _delete(self, keys: Iterable[EntryKey]) -> None:
        for key in keys:
            self._files.drop(key)
            self._folder.remove(key)

    def _open(self, key: EntryKey) -> OpenFile | None:
        file = self._files.get(key)
        if file is not None:
            return file
        removals = self._removals[key.tenant_id]
        try:
            file = open_file(self._folder.path(key), key, self._form)
        except FileNotFoundError:
            self.catalogue.forget(key)
            return None
        except OSError:
            return None  # such as too many open files: that says nothing about this one
        except KeyErasedError:
            self._drop(key)
            return None
        except DamagedError:
            self._failed("damaged")
            self._drop(key)
            return None
        self._files.add(key, file)
        if removals != self._removals[key.tenant_id]:
            self._files.drop(key)
            return None
        return file

    @contextmanager
    def _reading(self, key: EntryKey, footer: Footer) -> Iterator[OpenFile]:
        for _ in range(_OPEN_TRIES):  # between opening and use, other threads' openings may push the file out
            file = self._open(key)
            if file is None or file.footer.crc32c != footer.crc32c or file.footer.size_bytes != footer.size_bytes:
                break
            with file.in_use() as usable:
                if usable:
                    with self._dropped_if_damaged(key):
                        yield self._touched(key, file)
                    return
        raise CorruptEntryError("the cached instance was removed")

    @contextmanager
    def _dropped_if_damaged(self, key: EntryKey) -> Iterator[None]:
        try:
            yield
        except (DamagedError, OSError) as error:
            self._failed("damaged")
            self._drop(key)
            raise CorruptEntryError("the cached instance is damaged") from error

    def _touched(self, key: EntryKey, file: OpenFile) -> OpenFile:
        self.catalogue.touch(key)
        now_s = self._clock.monotonic_s()
        if now_s - file.touched_s >= TOUCH_INTERVAL_S:
            file.touched_s = now_s
            used_s = self._clock.now().timestamp()
            os.utime(file.fd, (used_s, used_s))
        return file

    def _drop(self, key: EntryKey) -> None:
        self._delete((key,))
        self.catalogue.forget(key)


def _owner_of(instance: ReceivedInstance) -> Owner:
    """Whose it is: its study, and the patient, who is looked for when asked for."""
    return Owner(instance.ref.study_instance_uid, lambda: _patient_id_of(instance.content))


def _patient_id_of(content: InstanceContent) -> str:
    """The Patient ID if it stands where it is looked for, else ""."""
    # It comes with pydicom and numpy, half a second that commands which look at caches do without.
    from radgate_server.core.dicom.dataset.file_meta import patient_id_of

    head = b""
    for piece in content.pieces(_HEAD_BYTES):
        head += piece
        if len(head) >= _HEAD_BYTES:
            break
    try:
        return patient_id_of(head)
    except InstanceMalformedError:
        return ""
