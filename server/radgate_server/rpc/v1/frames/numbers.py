"""Which frames of an instance a request names."""

from collections.abc import Sequence

from radgate_server.core.errors import InvalidArgumentError, ObjectNotFoundError

_MAX_AUDITED_FRAMES = 50


def frame_numbers(asked: Sequence[int], last: int) -> Sequence[int]:
    """Check the numbers before the first frame leaves; all `last` frames when none is asked for.

    Raises:
        InvalidArgumentError: a number is less than 1.
        ObjectNotFoundError: the instance has not so many frames, or none.
    """
    if not asked and last:
        return range(1, last + 1)
    if any(number < 1 for number in asked):
        raise InvalidArgumentError("frame_numbers", "frames are counted from 1")
    if not last or max(asked) > last:
        raise ObjectNotFoundError(f"the instance has {last} frames", kind="frame")
    return asked


def audited_frames(asked: Sequence[int]) -> str:
    """The numbers as the audit trail has them."""
    if not asked:
        return "all frames"
    more = " and more" if len(asked) > _MAX_AUDITED_FRAMES else ""
    return "frames " + ",".join(map(str, asked[:_MAX_AUDITED_FRAMES])) + more
