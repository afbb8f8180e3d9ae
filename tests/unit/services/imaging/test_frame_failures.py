"""Which frames of an instance are sent when some can't be."""

from collections.abc import AsyncGenerator, Sequence

import pytest

from radgate_server.core.errors import CodecFailedError, GatewayError, PacsUnreachableError
from radgate_server.services.imaging.frame_failures import each_frame


class Maker:
    """Makes frames, of which `bad` ones fail, `batch` at a time."""

    def __init__(self, *bad: int, batch: int = 1) -> None:
        self._bad = bad
        self._batch = batch
        self.error: GatewayError = CodecFailedError("the codec crashed")

    async def __call__(self, numbers: Sequence[int]) -> AsyncGenerator[str]:
        for start in range(0, len(numbers), self._batch):
            batch = numbers[start : start + self._batch]
            if any(number in self._bad for number in batch):
                raise self.error
            for number in batch:
                yield f"frame {number}"


async def sent(numbers: Sequence[int], maker: Maker) -> list[tuple[int, bool]]:
    found = []
    async for number, frame in each_frame(numbers, maker):
        assert frame in (f"frame {number}", maker.error)
        found.append((number, frame is not maker.error))
    return found


@pytest.mark.parametrize("batch", [1, 2, 3, 5])
@pytest.mark.parametrize("bad", [(), (2,), (3,), (5,), (2, 4), (2, 3, 4, 5)])
async def test_what_fails_is_the_one_frame(bad: tuple[int, ...], batch: int) -> None:
    assert await sent(range(1, 6), Maker(*bad, batch=batch)) == [(n, n not in bad) for n in range(1, 6)]


@pytest.mark.parametrize("batch", [1, 3])
async def test_when_the_first_one_fails_all_does(batch: int) -> None:
    with pytest.raises(CodecFailedError):
        await sent(range(1, 6), Maker(1, batch=batch))


async def test_what_concerns_all_ends_all() -> None:
    maker = Maker(3)
    maker.error = PacsUnreachableError("the PACS can't be reached", pacs="main")
    with pytest.raises(PacsUnreachableError):
        await sent(range(1, 6), maker)
