"""Frames of one instance of which some can't be sent: those fail alone, and the next ones are sent all the same."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from radgate_server.core.errors import (
    CodecFailedError,
    GatewayError,
    ImageTooLargeError,
    InstanceMalformedError,
    NotAcceptableError,
)

OF_ONE_FRAME = (CodecFailedError, ImageTooLargeError, InstanceMalformedError, NotAcceptableError)
"""What may be wrong with one frame; other errors concern all that follow."""


async def each_frame[Frame](
    numbers: Sequence[int], make: Callable[[Sequence[int]], AsyncGenerator[Frame]]
) -> AsyncGenerator[tuple[int, Frame | GatewayError]]:
    """Yield each number with its frame, or with why there is none.

    `make` yields the frames of numbers in their order; it may make several at once, so that what is wrong with one
    of them is raised before the others: from then on they are made one by one. When the first one fails, so does the
    whole: what is wrong with it is mostly wrong with all, and nothing was sent.
    """
    done, at_once = 0, len(numbers)
    while done < len(numbers):
        try:
            async with aclosing(make(numbers[done : done + at_once])) as frames:
                async for frame in frames:
                    done += 1
                    yield numbers[done - 1], frame
        except OF_ONE_FRAME as error:
            if at_once == 1:
                if done == 0:
                    raise
                done += 1
                yield numbers[done - 1], error
            at_once = 1
