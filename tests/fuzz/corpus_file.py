"""A frame in a file: a line of JSON that says what it is, then its bytes."""

import json
from pathlib import Path

from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.imaging.frames import StoredFrame

FOLDER = Path(__file__).parent.parent / "data" / "fuzz"
"""Frames that were once decoded wrongly, or not bounded in time or memory."""
MAX_FILE_BYTES = 20_000


def write_frame(path: Path, frame: StoredFrame, finding: str) -> None:
    """Keep a frame, with what went wrong."""
    header = {
        "finding": finding,
        "transfer_syntax_uid": frame.transfer_syntax_uid,
        "image": frame.image._asdict(),
    }
    path.write_bytes(json.dumps(header).encode() + b"\n" + frame.data)


def read_frame(path: Path) -> StoredFrame:
    """Read what write_frame wrote."""
    line, _, data = path.read_bytes().partition(b"\n")
    header = json.loads(line)
    return StoredFrame(data, header["transfer_syntax_uid"], ImagePixel(**header["image"]))
