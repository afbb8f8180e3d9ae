"""The first useful image: how much sooner a small one is there than the whole, by each way that gives one."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import httpx
import imagecodecs
from pydicom.encaps import encapsulate

import radgate
from radgate_server.adapters.imaging.codecs import decode_frame, decode_reduced, transcode_frame
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.dicom.transfer_syntaxes import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    HTJ2K_LOSSLESS_RPCL,
    JPEG_2000_LOSSLESS,
)
from radgate_server.core.imaging.frames import EncodeTarget, StoredFrame
from radgate_server.core.pacs.connections import FolderConnection
from tests.bench.images import CT_STUDY
from tests.bench.servers import radgate_for
from tests.bench.table import Row
from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.studies import RADIOGRAPH, path_of
from tests.fakes.instances import encode
from tests.fakes.mammogram import mammogram
from tests.integration.orthanc import OrthancServer

SIDE = 4096
FIRST = (256, 256)
TARGET = 5.0
TENANT = "large"
_NOTHING_KEPT = {"RADGATE_CACHE__HOT_BYTES": "0"}
STUDIES = {
    EXPLICIT_VR_LITTLE_ENDIAN: "2.25.770041",
    JPEG_2000_LOSSLESS: "2.25.770042",
    HTJ2K_LOSSLESS_RPCL: "2.25.770043",
}
"""The same large image, stored in three ways."""
NAMES = {EXPLICIT_VR_LITTLE_ENDIAN: "uncompressed", JPEG_2000_LOSSLESS: "JPEG 2000", HTJ2K_LOSSLESS_RPCL: "HTJ2K"}


async def progressive(orthanc: OrthancServer, folder: Path, rounds: int) -> list[Row]:
    """A radiograph of 4096 x 4096 in a folder, then a CT of 120 slices; all are near, and no answer is kept."""
    images = folder / "images"
    images.mkdir(parents=True)
    rows = [_codec_row(frame, rounds) for frame in _save(images)]
    rows += await asyncio.to_thread(_large_image, folder / "single", images, rounds)
    with radgate_for(orthanc, folder / "radgate", **_NOTHING_KEPT) as server:
        rows += await asyncio.to_thread(_series, f"127.0.0.1:{server.grpc_port}", server.token, rounds)
    return rows


def _large_image(folder: Path, images: Path, rounds: int) -> list[Row]:
    process = RadgateProcess(folder, _NOTHING_KEPT).tenant(TENANT, FolderConnection(str(images)))
    with process:
        rows = _pictures(process.client(TENANT), rounds)
        return rows + _single_frames(process.endpoints["grpc"], process.keys[TENANT], rounds)


def _save(images: Path) -> list[StoredFrame]:
    """Put the image there in all ways; returns it in those that are compressed."""
    radiograph = path_of(RADIOGRAPH).read_bytes()
    dataset = mammogram(radiograph, STUDIES[EXPLICIT_VR_LITTLE_ENDIAN], rows=SIDE, columns=SIDE)
    (images / "native.dcm").write_bytes(encode(dataset))
    image = ImagePixel(SIDE, SIDE, 1, 16, 12, 0, 1, "MONOCHROME2")
    native = StoredFrame(dataset.PixelData, EXPLICIT_VR_LITTLE_ENDIAN, image)
    frames = []
    for syntax in (JPEG_2000_LOSSLESS, HTJ2K_LOSSLESS_RPCL):
        made = transcode_frame(native, EncodeTarget(syntax))
        dataset = mammogram(radiograph, STUDIES[syntax], rows=SIDE, columns=SIDE)
        dataset.PixelData = encapsulate([made.data])
        dataset["PixelData"].VR = "OB"
        dataset.file_meta.TransferSyntaxUID = syntax
        (images / f"{syntax}.dcm").write_bytes(encode(dataset))
        frames.append(StoredFrame(made.data, syntax, made.image))
    return frames


def _codec_row(frame: StoredFrame, rounds: int) -> Row:
    """Without a server."""
    small = _seconds(partial(decode_reduced, frame, *FIRST), rounds)
    whole = _seconds(partial(decode_frame, frame), rounds)
    name = f"decoded by the codec alone, {NAMES[frame.transfer_syntax_uid]} of {len(frame.data) / 1e6:.1f} MB"
    return _row(name, small, whole, TARGET)


def _pictures(web: httpx.Client, rounds: int) -> list[Row]:
    study = STUDIES[JPEG_2000_LOSSLESS]
    picture = f"/dicom-web/studies/{study}/series/{study}.1/instances/{study}.1.1/rendered"

    def get(path: str) -> None:
        web.get(path).raise_for_status()

    with web:
        get(picture)  # which has it near from now on
        whole = _seconds(partial(get, picture), rounds)
        small = _seconds(partial(get, f"{picture}?viewport={FIRST[1]},{FIRST[0]}"), rounds)
    return [_row("/rendered?viewport=256,256 of it in JPEG 2000", small, whole, TARGET)]


@dataclass(frozen=True)
class _Viewing:
    """When all low resolutions and when all frames had come, from the call on, and the bytes until then."""

    first_s: float
    first_bytes: int
    whole_s: float
    whole_bytes: int


def _single_frames(target: str, token: str, rounds: int) -> list[Row]:
    """Sent by StreamFrames, and decoded by the client. What is no HTJ2K yet comes as a preview first."""
    rows = []
    with radgate.Client(target, token) as client:
        for syntax, study in STUDIES.items():
            list(client.retrieve_study(study))
            viewing = _typical(client, study, rounds, decode=True)
            rows.append(_row(f"StreamFrames of it {NAMES[syntax]}", viewing.first_s, viewing.whole_s, TARGET))
    return rows


def _series(target: str, token: str, rounds: int) -> list[Row]:
    with radgate.Client(target, token) as client:
        list(client.retrieve_study(CT_STUDY))
        viewing = _typical(client, CT_STUDY, rounds)
        at_once = _seconds(lambda: list(client.view(CT_STUDY, first_size=(0, 0))), rounds)
        as_stored = _seconds(lambda: list(client.retrieve_study(CT_STUDY)), rounds)
    sizes = f"{viewing.first_bytes / 1e6:.1f} of {viewing.whole_bytes / 1e6:.1f} MB"
    reference = f"without a first size {at_once:.2f} s; RetrieveInstances as stored, 63 MB, {as_stored:.2f} s"
    ratio = at_once / viewing.whole_s
    return [
        _row(f"StreamFrames of 120 CT slices, 256 x 256 of all, {sizes}", viewing.first_s, viewing.whole_s, 1.0),
        Row("StreamFrames of them, all whole", f"{viewing.whole_s:.2f} s", reference, ratio, 0.5),
    ]


def _typical(client: radgate.Client, study: str, rounds: int, *, decode: bool = False) -> _Viewing:
    """The median by the time of the first resolutions."""
    runs = sorted((_view(client, study, decode=decode) for _ in range(rounds)), key=lambda run: run.first_s)
    return runs[len(runs) // 2]


def _view(client: radgate.Client, study: str, *, decode: bool) -> _Viewing:
    first_s, first_bytes, whole_bytes = 0.0, 0, 0
    start = time.perf_counter()
    for frame in client.view(study, first_size=FIRST):
        if decode:
            imagecodecs.jpeg2k_decode(frame.data + b"\xff\xd9", skipres=frame.reduction)
        if frame.complete:
            whole_bytes += len(frame.data)
        else:
            first_s, first_bytes = time.perf_counter() - start, first_bytes + len(frame.data)
    return _Viewing(first_s, first_bytes, time.perf_counter() - start, whole_bytes)


def _seconds(work: Callable[[], object], rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return median(taken)


def _row(name: str, small: float, whole: float, target: float) -> Row:
    return Row(
        f"first useful image: {name}", f"{small * 1000:.0f} ms", f"all {whole * 1000:.0f} ms", whole / small, target
    )
