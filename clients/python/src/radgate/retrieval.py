"""What retrieving gives: a stream that can be left and continued with, for ordinary code and for asyncio."""

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator

from radgate.resuming import ResumableAssembler


class Retrieval[Made](Iterator[Made]):
    """Objects as they come. `close` lets the server, and the PACS behind it, stop."""

    def __init__(self, stream: Generator[Made], assembler: ResumableAssembler[Made]) -> None:
        self._stream = stream
        self._assembler = assembler

    @property
    def resume_token(self) -> bytes:
        """Stands for all that was handed out so far; the same call with it, at any time, brings the rest."""
        return self._assembler.resume_token

    def __next__(self) -> Made:
        return next(self._stream)

    def close(self) -> None:
        """Leave the stream."""
        self._stream.close()


class AsyncRetrieval[Made](AsyncIterator[Made]):
    """The same for asyncio."""

    def __init__(self, stream: AsyncGenerator[Made], assembler: ResumableAssembler[Made]) -> None:
        self._stream = stream
        self._assembler = assembler

    @property
    def resume_token(self) -> bytes:
        """Stands for all that was handed out so far; the same call with it, at any time, brings the rest."""
        return self._assembler.resume_token

    async def __anext__(self) -> Made:
        return await anext(self._stream)

    async def aclose(self) -> None:
        """Leave the stream."""
        await self._stream.aclose()
