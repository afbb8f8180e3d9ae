"""The folder of derived things: files and catalogue kept in step. Blocks on the disk; shared by threads."""

import os
import struct
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from math import inf
from pathlib import Path

import google_crc32c

from radgate_server.adapters.cache.disk.inventory import TOUCH_INTERVAL_S, AccountedDisk
from radgate_server.adapters.cache.disk.layout import ANSWER_SUFFIX, EntryKey, TierFolder
from radgate_server.adapters.cache.disk.stored_bytes import FileForm, Owner
from radgate_server.adapters.cache.tenant_shares import EQUAL_SHARES, TenantShares
from radgate_server.adapters.cache.warm.file_format import DamagedError, KeyAwayError, KeyErasedError
from radgate_server.adapters.cache.warm.writing import TemporaryFile, temporary_file
from radgate_server.core.errors import StorageFullError
from radgate_server.lib.clock import Clock

# A file is the answer, then a tail that lets every byte be checked.
_MAGIC = b"RGMADE\x00\x01"
_TAIL = struct.Struct("<Qd8sI")  # bytes of the answer, when it expires, magic, CRC-32C of all that comes before
_CHECKSUM_BYTES = 4
_TAIL_BYTES = _TAIL.size


class DerivedDisk(AccountedDisk):
    """Answers in files of the folder `root`; the least recently used make room."""

    def __init__(
        self,
        root: Path,
        limit_bytes: int,
        clock: Clock,
        failed: Callable[[str], None],
        form: FileForm,
        shares: TenantShares = EQUAL_SHARES,
    ) -> None:
        super().__init__(TierFolder(root, ANSWER_SUFFIX, form.mark), limit_bytes, clock, failed, form, shares)

    def surely_lacks(self, key: EntryKey) -> bool:
        """Whether there is no need to look. Does not block: the catalogue knows all that any file was written for."""
        return self._inventory_taken and not self.catalogue.size_of(key)

    def write(self, key: EntryKey, study_instance_uid: str, answer: bytes, expires_s: float) -> None:
        """Keep the answer in the place of an older one. Losing it is no error: a full or failing disk keeps nothing."""
        file_bytes, removals = len(answer) + _TAIL_BYTES, self._removals[key.tenant_id]
        try:
            with self.catalogue.room_for(key.tenant_id, file_bytes) as victims:
                self._delete(victims)
                self._folder.insist_on_reserve(file_bytes)
                self._publish(key, study_instance_uid, answer, _tail_of(answer, expires_s))
        except (OSError, StorageFullError) as error:
            if isinstance(error, OSError):
                self._failed("disk")
            self.remove(key)
            return
        self.catalogue.add(key, file_bytes)
        if removals != self._removals[key.tenant_id]:
            self.remove(key)  # it was made from what was removed meanwhile

    def read(self, key: EntryKey) -> bytes | None:
        """The answer; None when there is none, or it is too old, or damaged, in which case it goes."""
        path = self._folder.path(key)
        try:
            with path.open("rb") as file:
                content = self._form.reader(file.fileno(), key, ANSWER_SUFFIX)
                answer, expires_s = _decode(content.read(0, content.size_bytes))
        except FileNotFoundError:
            self.catalogue.forget(key)
            return None
        except KeyAwayError:
            return None
        except KeyErasedError:
            self.remove(key)
            return None
        except (OSError, DamagedError):
            self._failed("damaged")
            self.remove(key)
            return None
        if expires_s <= self._clock.now().timestamp():
            self.remove(key)
            return None
        self._touch(key, path)
        return answer

    def remove(self, key: EntryKey) -> None:
        """Delete the answer."""
        self._delete((key,))
        self.catalogue.forget(key)

    def remove_groups(self, tenant_id: str, studies: Iterable[str | None]) -> None:
        """Delete the tenant's answers, of studies given by their hashes; None means all."""
        for study in studies:
            self._form.forget(tenant_id, study)
            self._removals[tenant_id] += 1
            self._folder.remove_group(tenant_id, study)
            self._group_removed(tenant_id, study)

    def _publish(self, key: EntryKey, study_instance_uid: str, answer: bytes, tail: bytes) -> None:
        with self._incoming_file() as temporary:
            writer = self._form.writer(temporary.fd, key, ANSWER_SUFFIX, Owner(study_instance_uid, lambda: ""))
            writer.write(answer)
            writer.write(tail)
            writer.finish()
            self._folder.publish(temporary.path, key)
        os.close(temporary.fd)

    def _incoming_file(self) -> AbstractContextManager[TemporaryFile]:
        self._folder.prepare()  # an operator may have emptied the folder under us
        return temporary_file(self._folder.incoming)

    def _delete(self, keys: Iterable[EntryKey]) -> None:
        for key in keys:
            self._folder.remove(key)

    def _touch(self, key: EntryKey, path: Path) -> None:
        self.catalogue.touch(key)
        now_s = self._clock.now().timestamp()
        with suppress(OSError):
            if now_s - path.stat().st_mtime >= TOUCH_INTERVAL_S:
                os.utime(path, (now_s, now_s))


def _tail_of(answer: bytes, expires_s: float = inf) -> bytes:
    """What stands behind the answer. `expires_s` counts from 1970; infinity keeps it permanently."""
    unchecked = _TAIL.pack(len(answer), expires_s, _MAGIC, 0)[:-_CHECKSUM_BYTES]
    checksum: int = google_crc32c.extend(google_crc32c.value(answer), unchecked)
    return unchecked + checksum.to_bytes(_CHECKSUM_BYTES, "little")


def _decode(file: bytes) -> tuple[bytes, float]:
    """The answer, and when it expires.

    Raises:
        DamagedError: the file is not what was written.
    """
    if len(file) < _TAIL_BYTES:
        raise DamagedError
    answer, tail = file[:-_TAIL_BYTES], file[-_TAIL_BYTES:]
    expires_s: float = _TAIL.unpack(tail)[1]
    if tail != _tail_of(answer, expires_s):
        raise DamagedError
    return answer, expires_s
