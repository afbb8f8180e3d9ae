"""Ways to damage a frame. Each is made from a random generator alone, so that a case can be made again."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

from radgate_server.core.dicom.transfer_syntaxes import TRANSFER_SYNTAXES
from radgate_server.core.imaging.frames import StoredFrame

type Damage = Callable[[Random, StoredFrame], StoredFrame]

_HEADER_BYTES = 200
_NUMBERS = ("rows", "columns", "samples_per_pixel", "bits_allocated", "bits_stored", "pixel_representation")
_ODD_NUMBERS = (0, 1, 2, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 64, 255, 4096, 65535)
_OTHER_INTERPRETATIONS = ("MONOCHROME2", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "PALETTE COLOR", "")


def cut_off(rng: Random, frame: StoredFrame) -> StoredFrame:
    """End too early."""
    return replace(frame, data=frame.data[: rng.randrange(len(frame.data))])


def flip_bits(rng: Random, frame: StoredFrame) -> StoredFrame:
    """Single bits anywhere."""
    data = bytearray(frame.data)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return replace(frame, data=bytes(data))


def change_header(rng: Random, frame: StoredFrame) -> StoredFrame:
    """Whole bytes near the beginning, where sizes and counts are."""
    data = bytearray(frame.data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        data[rng.randrange(min(len(data), _HEADER_BYTES))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return replace(frame, data=bytes(data))


def delete(rng: Random, frame: StoredFrame) -> StoredFrame:
    """A piece is missing."""
    at = rng.randrange(len(frame.data))
    return replace(frame, data=frame.data[:at] + frame.data[at + rng.choice((1, 2, 4, 64, 1000)) :])


def insert(rng: Random, frame: StoredFrame) -> StoredFrame:
    """A piece too much: noise, or one of the frame's own."""
    at, count = rng.randrange(len(frame.data)), rng.choice((1, 2, 4, 64, 1000))
    start = rng.randrange(len(frame.data))
    piece = rng.randbytes(count) if rng.random() < 0.5 else frame.data[start : start + count]
    return replace(frame, data=frame.data[:at] + piece + frame.data[at:])


def relabel(rng: Random, frame: StoredFrame) -> StoredFrame:
    """Another transfer syntax than the bytes are in."""
    return replace(frame, transfer_syntax_uid=rng.choice(list(TRANSFER_SYNTAXES)))


def lie(rng: Random, frame: StoredFrame) -> StoredFrame:
    """The data set says something else of the pixels."""
    image = frame.image._replace(**{rng.choice(_NUMBERS): rng.choice(_ODD_NUMBERS)})
    if rng.random() < 0.3:
        image = image._replace(photometric_interpretation=rng.choice(_OTHER_INTERPRETATIONS))
    return replace(frame, image=image._replace(pixel_representation=image.pixel_representation & 1))


DAMAGES: tuple[Damage, ...] = (cut_off, flip_bits, change_header, delete, insert, relabel, lie)


def damaged(seed: int, case: int, frames: tuple[StoredFrame, ...]) -> tuple[StoredFrame, StoredFrame, Damage]:
    """The sound frame of a case, what became of it, and by which damage."""
    rng = Random(f"{seed}/{case}")
    sound = frames[case % len(frames)]
    damage = DAMAGES[case // len(frames) % len(DAMAGES)]
    return sound, damage(rng, sound), damage
