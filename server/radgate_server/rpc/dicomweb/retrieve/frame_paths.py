"""What a request names: an instance, and frames of it."""

import re
from collections.abc import Sequence

from radgate_server.core.dicom.identifiers import InstanceRef, parse_uid
from radgate_server.core.errors import InvalidArgumentError, ObjectNotFoundError

_FRAME_LIST = re.compile(r"[1-9][0-9]{0,8}(?:,[1-9][0-9]{0,8})*")


def parse_ref(study: str, series: str, instance: str) -> InstanceRef:
    """The place of an instance.

    Raises:
        InvalidArgumentError: naming the UID that is malformed.
    """
    return InstanceRef(
        parse_uid(study, "study_instance_uid"),
        parse_uid(series, "series_instance_uid"),
        parse_uid(instance, "sop_instance_uid"),
    )


def parse_frame_list(frames: str) -> tuple[int, ...]:
    """Frame numbers, from 1, separated by commas (PS3.18 table 10.4.1-1).

    Raises:
        InvalidArgumentError: naming `frames`.
    """
    if not _FRAME_LIST.fullmatch(frames):
        raise InvalidArgumentError("frames", "frame numbers, from 1, separated by commas")
    return tuple(map(int, frames.split(",")))


def require_frames(count: int, numbers: Sequence[int]) -> None:
    """Insist that all frames exist of an instance that has `count`, so that an answer never breaks off for want of one.

    Raises:
        ObjectNotFoundError: naming the first one that does not.
    """
    for number in numbers:
        if not 1 <= number <= count:
            raise ObjectNotFoundError(f"the instance has no frame {number}", kind="frame")
