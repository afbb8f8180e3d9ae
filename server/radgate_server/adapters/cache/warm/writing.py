"""Writing warm files: beside their place first, then in one step into it.

Nothing is flushed to the disk on purpose. A killed process loses nothing that it has written, and a file that a power
failure left incomplete fails its checksum and is fetched again: docs/adr/0005-warm-tier.md.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkstemp

from radgate_server.adapters.cache.warm.file_format import Checksums, Footer
from radgate_server.core.dicom.instances import Origin, ReceivedInstance
from radgate_server.lib.sealed_blocks import BLOCK_BYTES


@dataclass(frozen=True, slots=True)
class TemporaryFile:
    """A file that is being written, locked so that nobody takes it for an abandoned one."""

    path: Path
    fd: int


@contextmanager
def temporary_file(folder: Path) -> Iterator[TemporaryFile]:
    """Make a file in `folder`, open for reading and writing; whoever takes the block on owns `fd` if it succeeds.

    When the block fails, the file is closed and deleted. Raises OSError.
    """
    temporary = _locked_file(folder)
    try:
        yield temporary
    except BaseException:
        os.close(temporary.fd)
        with suppress(OSError):
            temporary.path.unlink()
        raise


def _locked_file(folder: Path) -> TemporaryFile:
    while True:
        fd, name = mkstemp(dir=folder)
        fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink:
            return TemporaryFile(Path(name), fd)
        os.close(fd)  # someone cleaning up was faster than the lock


def write_instance(write: Callable[[bytes | memoryview], None], instance: ReceivedInstance, now_s: float) -> Footer:
    """Write the DICOM file and its footer; `now_s` counts from 1970. Raises OSError."""
    origin = instance.origin
    checksums = Checksums()
    for piece in instance.content.pieces(BLOCK_BYTES):
        checksums.add(piece)
        write(piece)
    footer = Footer(
        instance.ref,
        instance.sop_class_uid,
        instance.transfer_syntax_uid,
        checksums.size_bytes,
        checksums.crc32c,
        checksums.block_crc32c,
        Origin(origin.pacs, now_s if origin.fetched_s is None else origin.fetched_s),
    )
    write(footer.encode())
    return footer
