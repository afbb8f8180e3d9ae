"""Pictures and thumbnails over DICOMweb, against those of Orthanc's plug-in."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median

from radgate.dicomweb.v1 import dicomweb_service_pb2 as facade
from tests.bench.bare import record
from tests.bench.images import CT_SERIES, CT_STUDY, SLICES_PER_SERIES
from tests.bench.load import run_wrk
from tests.bench.rounds import typical_ratio
from tests.bench.scenarios import FACADE, fetch_study
from tests.bench.servers import Radgate, bare_limit, radgate_for
from tests.bench.table import Row
from tests.integration.orthanc import OrthancServer

JPEG = "image/jpeg"
COLD_REQUESTS_EACH_RUN = 20_000

_INSTANCES = tuple((uid, f"{uid}.{number}") for uid in CT_SERIES for number in range(1, SLICES_PER_SERIES + 1))


@dataclass(frozen=True)
class _Pictures:
    """What is asked for, of Radgate and of Orthanc, and the rpc behind it."""

    name: str
    radgate: tuple[str, ...]
    orthanc: tuple[str, ...]
    method: str
    target: float | None


def _path(series: str, instance: str, resource: str) -> str:
    return f"/dicom-web/studies/{CT_STUDY}/series/{series}/instances/{instance}/{resource}"


def _all(resource: str) -> tuple[str, ...]:
    return tuple(_path(*instance, resource) for instance in _INSTANCES)


_WARM = (
    _Pictures("rendered, 512 x 512 JPEG, warm", _all("rendered"), _all("rendered"), "RetrieveRendered", 4.0),
    # Orthanc has no thumbnails: the nearest is a picture that is scaled down.
    _Pictures(
        "thumbnails, 128 x 128 JPEG, warm",
        _all("thumbnail"),
        _all("rendered?viewport=128,128"),
        "RetrieveThumbnail",
        None,
    ),
)


async def rendered(orthanc: OrthancServer, folder: Path, seconds: int, rounds: int) -> list[Row]:
    """Pictures that are made for each request, then those that are kept; 16 connections, in turn."""
    with radgate_for(orthanc, folder / "radgate") as radgate:
        fetch_study(radgate)
        rows = [await asyncio.to_thread(_cold, orthanc, radgate, seconds, rounds)]
        for pictures in _WARM:
            run_wrk(radgate.http_port, pictures.radgate, _headers(radgate), connections=4, seconds=2)
            recording = folder / "recording.pickle"
            requests = [
                facade.RetrieveRenderedRequest(study=CT_STUDY, series=series, instance=instance)
                for series, instance in _INSTANCES
            ]
            calls = [(FACADE + pictures.method, request.SerializeToString()) for request in requests]
            record(radgate.grpc_port, calls, [radgate.authorization, ("accept", JPEG)], recording)
            async with bare_limit(recording, folder / "bare") as (bare_port, _):
                rows.append(await asyncio.to_thread(_warm, orthanc, radgate, bare_port, pictures, seconds, rounds))
    return rows


def _cold(orthanc: OrthancServer, radgate: Radgate, seconds: int, rounds: int) -> Row:
    """No request is like another one, so that every picture has to be rendered; the instances are near."""
    unlike = _unlike_paths()
    ours, theirs = [], []
    for _ in range(rounds):
        paths = [next(unlike) for _ in range(COLD_REQUESTS_EACH_RUN)]
        ours.append(_per_second(radgate.http_port, paths, radgate, seconds))
        theirs.append(_per_second(orthanc.http_port, paths, radgate, seconds))
    return _row("rendered, 512 x 512 JPEG, each one rendered again", ours, theirs, None)


def _unlike_paths() -> Iterator[str]:
    """The plain picture of each instance, under ever new names: both servers pass over what they do not know."""
    for number in count():
        for series, instance in _INSTANCES:
            yield _path(series, instance, f"rendered?request={number}")


def _warm(
    orthanc: OrthancServer, radgate: Radgate, bare_port: int, pictures: _Pictures, seconds: int, rounds: int
) -> Row:
    ours, theirs, bare = [], [], []
    for _ in range(rounds):
        ours.append(_per_second(radgate.http_port, pictures.radgate, radgate, seconds))
        theirs.append(_per_second(orthanc.http_port, pictures.orthanc, radgate, seconds))
        bare.append(_per_second(bare_port, pictures.radgate, radgate, seconds))
    share = f"{typical_ratio(ours, bare):.2f} of {median(bare):,.0f} /s"
    return _row(pictures.name, ours, theirs, pictures.target, share)


def _row(name: str, ours: list[float], theirs: list[float], target: float | None, bare: str = "") -> Row:
    reference = f"Orthanc's DICOMweb {median(theirs):,.0f} /s"
    ratio = typical_ratio(ours, theirs)
    return Row(f"{name}, 16 connections", f"{median(ours):,.0f} /s", reference, ratio, target, bare)


def _per_second(port: int, paths: Sequence[str], radgate: Radgate, seconds: int) -> float:
    load = run_wrk(port, paths, _headers(radgate), seconds=seconds)
    if load.failed:
        raise RuntimeError(f"{load.failed} pictures failed")
    return load.per_second


def _headers(radgate: Radgate) -> dict[str, str]:
    return {"accept": JPEG, "authorization": f"Bearer {radgate.token}"}
