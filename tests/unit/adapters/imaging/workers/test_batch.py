import pytest

from radgate_server.core.errors import CodecFailedError
from radgate_server.core.imaging.frames import RenderedImage
from tests.unit.adapters.imaging.workers.batches import batch


def picture(name: bytes) -> RenderedImage:
    return RenderedImage(name, "image/jpeg", 1, 1)


async def test_results_come_in_the_order_of_the_jobs_whenever_they_are_ready() -> None:
    call = batch(3)
    for number in (2, 0):
        call.succeed(call.waiting[number], picture(b"%d" % number))
    assert not call.outcome.done()
    call.succeed(call.waiting[1], picture(b"1"))
    assert [result.data for result in await call.outcome if isinstance(result, RenderedImage)] == [b"0", b"1", b"2"]


async def test_the_first_error_ends_the_call() -> None:
    call = batch(2)
    call.fail(CodecFailedError("first"))
    call.fail(CodecFailedError("second"))
    call.succeed(call.waiting[0], picture(b""))
    with pytest.raises(CodecFailedError, match="first"):
        await call.outcome


async def test_what_comes_after_the_caller_left_is_dropped() -> None:
    call = batch(1)
    call.outcome.cancel()
    call.succeed(call.waiting[0], picture(b""))
    call.fail(CodecFailedError("late"))
    assert call.outcome.cancelled()
