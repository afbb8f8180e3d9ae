"""One damaged frame given to the codecs: what came of it, in a word."""

import resource
import time
from random import Random

from radgate_server.adapters.imaging.codecs import decode_frame, decode_reduced, transcode_frame
from radgate_server.core.dicom.transfer_syntaxes import HTJ2K_LOSSLESS_RPCL, JPEG_LS_LOSSLESS, RLE_LOSSLESS
from radgate_server.core.errors import GatewayError, reason_of
from radgate_server.core.imaging.frames import DecodedFrame, EncodeTarget, StoredFrame
from tests.fuzz.damage import Damage, cut_off

SAME = "decoded, the same pixels"
OTHER = "decoded, other pixels"
FINDINGS = ("ODD", "SILENT", "MEMORY", "SLOW", "DIED", "HUNG")
"""Outcomes that begin so are to be looked at."""

MAX_CPU_S = 2.0
MAX_GROWTH_BYTES = 256 << 20
"""Seeds are small: nothing made of them may take that much."""

_TARGETS = (HTJ2K_LOSSLESS_RPCL, JPEG_LS_LOSSLESS, RLE_LOSSLESS)


def outcome_of(sound: StoredFrame, frame: StoredFrame, damage: Damage, case: int) -> str:
    """Decode, and at intervals reduce and encode again."""
    before, begun = _peak_bytes(), time.process_time()
    outcome = _outcome(sound, frame, damage, Random(case))
    growth, taken_s = _peak_bytes() - before, time.process_time() - begun
    if taken_s > MAX_CPU_S:
        return f"SLOW {taken_s:.1f} s"
    return f"MEMORY {growth >> 20} MiB" if growth > MAX_GROWTH_BYTES + _native_bytes(frame) * 8 else outcome


def _outcome(sound: StoredFrame, frame: StoredFrame, damage: Damage, rng: Random) -> str:
    try:
        decoded = decode_frame(frame)
        if rng.random() < 0.2:
            decode_reduced(frame, 8, 8)
        if rng.random() < 0.2:
            transcode_frame(frame, EncodeTarget(rng.choice(_TARGETS)))
    except GatewayError as error:
        return f"refused, {reason_of(error)}"
    except Exception as error:  # noqa: BLE001 - whatever it is, it should have been a GatewayError
        return f"ODD {type(error).__name__}: {error}"
    if len(decoded.pixels) != _native_bytes(frame):
        return "ODD length of the pixels"
    return _compared(sound, frame, decoded, damage)


def _compared(sound: StoredFrame, frame: StoredFrame, decoded: DecodedFrame, damage: Damage) -> str:
    if frame.image != sound.image or decoded.pixels == decode_frame(sound).pixels:
        return SAME
    return "SILENT truncation" if damage is cut_off else OTHER


def _native_bytes(frame: StoredFrame) -> int:
    image = frame.image
    return image.rows * image.columns * image.samples_per_pixel * max(image.bits_allocated // 8, 1)


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
