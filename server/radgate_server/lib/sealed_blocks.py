"""Bytes encrypted block by block, so that any span of them is read without the rest.

    blocks of 256 KiB, the last one shorter, each with its tag

Blocks are AES-256-GCM (NIST SP 800-38D) with their number as nonce, the last one marked: they can't be changed, cut off
or moved. A key is for one file alone. What stands before the blocks, and where they lie, is up to who keeps them.
"""

import mmap
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

BLOCK_BYTES = 256 * 1024
_TAG_BYTES = 16
STRIDE_BYTES = BLOCK_BYTES + _TAG_BYTES
"""From one sealed block to the next."""


class BlockCipher:
    """Seals and opens the blocks of one file."""

    __slots__ = ("_bound", "_broken", "_cipher")

    def __init__(self, key: bytes, bound: bytes, broken: Callable[[], Exception]) -> None:
        """`key` has 32 bytes; blocks are `bound` to the place that it names; `broken` makes what `open` raises."""
        self._cipher = AESGCM(key)
        self._bound = bound
        self._broken = broken

    def seal(self, number: int, block: bytes | memoryview, *, last: bool) -> bytes:
        """Encrypt a block; each number once."""
        return self._cipher.encrypt(_nonce(number, last), block, self._bound)

    def open(self, number: int, sealed: bytes, *, last: bool) -> bytes:
        """Decrypt a block; raises what `broken` makes if it is not the one that was sealed."""
        try:
            return self._cipher.decrypt(_nonce(number, last), sealed, self._bound)
        except InvalidTag:
            raise self._broken() from None


class SealedWriter:
    """Seals what comes, and hands it to `put` block by block.

    Holds back what does not fill a block, and a block of which it can't be known whether it is the last.
    """

    def __init__(self, put: Callable[[bytes], None], cipher: BlockCipher) -> None:
        self._put_sealed = put
        self._cipher = cipher
        self._held: list[memoryview] = []
        self._held_bytes = 0
        self._number = 0

    def write(self, data: bytes | memoryview) -> None:
        """Take the next bytes; raises what `put` raises."""
        rest = memoryview(data)
        while rest:
            if self._held_bytes == BLOCK_BYTES:
                self._put(last=False)
            taken = rest[: BLOCK_BYTES - self._held_bytes]
            self._held.append(taken)
            self._held_bytes += len(taken)
            rest = rest[len(taken) :]

    def finish(self) -> None:
        """That were all; nothing may be written any more."""
        self._put(last=True)

    def _put(self, *, last: bool) -> None:
        block = self._held[0] if len(self._held) == 1 else b"".join(self._held)  # a whole block is not copied
        self._put_sealed(self._cipher.seal(self._number, block, last=last))
        self._number += 1
        self._held, self._held_bytes = [], 0


@dataclass(frozen=True, slots=True)
class SealedReader:
    """What was written by a SealedWriter. `pread` gives so many bytes of its file from an offset, as os.pread does.

    Methods raise what `pread` raises, and what the cipher raises for what can't be believed.
    """

    pread: Callable[[int, int], bytes]
    size_bytes: int
    """How much was written."""
    cipher: BlockCipher
    start: int = 0
    """Where in its file the blocks begin."""

    @property
    def blocks(self) -> int:
        """How many there are, at least one."""
        return max(1, -(-self.size_bytes // BLOCK_BYTES))

    def read(self, offset: int, length: int) -> bytes:
        """That span, or less at the end."""
        end = min(offset + length, self.size_bytes)
        if offset >= end:
            return b""
        first, last = offset // BLOCK_BYTES, (end - 1) // BLOCK_BYTES
        if first == last:
            start = first * BLOCK_BYTES
            block = self.block(first)
            return block if (offset, end) == (start, start + len(block)) else block[offset - start : end - start]
        blocks = [self.block(number) for number in range(first, last + 1)]
        blocks[0] = blocks[0][offset - first * BLOCK_BYTES :]
        blocks[-1] = blocks[-1][: end - last * BLOCK_BYTES]
        return b"".join(blocks)

    def map(self) -> mmap.mmap:
        """All of it, in memory that belongs to no file; to be closed by the caller."""
        mapped = mmap.mmap(-1, max(1, self.size_bytes))
        try:
            for number in range(self.blocks):
                mapped.write(self.block(number))
        except BaseException:
            mapped.close()
            raise
        return mapped

    def block(self, number: int) -> bytes:
        """One of the blocks, from 0."""
        sealed = self.pread(STRIDE_BYTES, self.start + number * STRIDE_BYTES)
        return self.cipher.open(number, sealed, last=number == self.blocks - 1)


def clear_bytes(sealed_bytes: int) -> int:
    """How much was written when its blocks take so many bytes; below 0 if no blocks do."""
    return sealed_bytes - _TAG_BYTES * -(-sealed_bytes // STRIDE_BYTES) if sealed_bytes > 0 else -1


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11) + bytes((last,))
