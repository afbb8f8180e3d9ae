"""A handle that outlives the loss of its bytes from the warm tier."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager

from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.errors import CorruptEntryError, InstanceNotSentError

_OTHER_COPIES = 2
"""How often what was lost is read again: when the local disk has dropped it, the object store's copy may be damaged."""


class SteadyInstance:
    """InstanceHandle that fetches its instance again when the tier has dropped or damaged it.

    A slow reader of a study that is larger than the warm tier meets this: what it has yet to read was evicted. The
    new copy must have the old one's checksum, since bytes of the old may have been sent already.
    """

    __slots__ = ("_fetch_again", "_handle", "crc32c", "ref")

    def __init__(self, handle: InstanceHandle, fetch_again: Callable[[], Awaitable[InstanceHandle]]) -> None:
        self._handle = handle
        self._fetch_again = fetch_again
        self.ref: InstanceRef = handle.ref
        """Which instance. This and the checksum name whatever is known of it, and are looked at again and again."""
        self.crc32c: int = handle.crc32c
        """CRC-32C of the whole DICOM file."""

    @property
    def sop_class_uid(self) -> str:
        """SOP Class UID."""
        return self._handle.sop_class_uid

    @property
    def transfer_syntax_uid(self) -> str:
        """Transfer syntax in which the bytes are stored."""
        return self._handle.transfer_syntax_uid

    @property
    def size_bytes(self) -> int:
        """Length of the DICOM file."""
        return self._handle.size_bytes

    async def read(self, offset: int, length: int) -> bytes:
        """Read; raises InstanceNotSentError when the PACS now sends other bytes than before."""
        return await self.with_copies(lambda: self._handle.read(offset, length))

    async def with_copies[Made](self, make: Callable[[], Awaitable[Made]]) -> Made:
        """Make something of the instance, again with another copy when a tier has lost the bytes."""
        for _ in range(_OTHER_COPIES):
            try:
                return await make()
            except CorruptEntryError:
                await self.renew()
        return await make()

    def view(self, offset: int, length: int) -> memoryview | None:
        """The span where it lies in memory, if it does."""
        return self._handle.view(offset, length)

    def open_buffer(self) -> AbstractContextManager[memoryview]:
        """The whole file; raises CorruptEntryError when it is lost: call it within `with_copies`."""
        return self._handle.open_buffer()

    async def renew(self) -> None:
        """Fetch the instance again."""
        fresh = await self._fetch_again()
        if (fresh.crc32c, fresh.size_bytes) != (self._handle.crc32c, self._handle.size_bytes):
            raise InstanceNotSentError("the instance was replaced in the PACS while it was being read", pacs="")
        self._handle = fresh
