"""Uploads over STOW-RS: others get their turn while a large message is taken apart."""

import asyncio
from collections.abc import AsyncIterator

from radgate_server.rpc.dicomweb.store.upload import uploaded_instances

DATA = bytes(1 << 20)


async def one_message() -> AsyncIterator[bytes]:
    yield b"--b\r\n\r\n" + DATA + b"\r\n--b--"


async def test_a_large_message_is_taken_apart_bit_by_bit() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    got = b""
    async for pieces in uploaded_instances("multipart/related; boundary=b", one_message()):
        async for piece in pieces:
            assert len(piece) <= 64 * 1024
            got += piece
    task.cancel()
    assert got == DATA
    assert turns >= len(DATA) // (64 * 1024)
