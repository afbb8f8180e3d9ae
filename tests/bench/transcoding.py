"""A CT series from an uncompressed PACS, made HTJ2K Lossless in transit: pixels a second, and by processor.

    python -m tests.bench.transcoding [SLICES]

The processor's seconds are those of the server, its workers and Envoy together, so that the figure holds on a machine
that does other things too; the PACS and the client are not in it. So the figure counts all that brings a slice from the
PACS to the client: receiving it, keeping it as it came and as it was made, recording who got it. What the workers take
by themselves is reported beside it: that is what compares with the bare codec.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc

from radgate.v1.retrieve_service_pb2 import RetrieveInstancesRequest
from radgate_server.core.pacs.connections import FolderConnection, PacsConnection
from tests.bench.ct import CT_ATTRIBUTES, ct_pixels
from tests.bench.processor import processor_s
from tests.e2e.radgate_process import RadgateProcess, dimse
from tests.fakes.instances import make_instance
from tests.integration.orthanc import OrthancServer

HTJ2K = "1.2.840.10008.1.2.4.202"
STUDY, SERIES = "2.25.780001", "2.25.780001.1"
SLICES = 300
TENANT = "bench"
_METHOD = "/radgate.v1.RetrieveService/RetrieveInstances"


def slices(count: int) -> Iterator[bytes]:
    """Slices of a real CT, 512 x 512 x 16 bit."""
    for number in range(1, count + 1):
        pixels = ct_pixels(number)
        yield make_instance(
            STUDY, SERIES, f"{SERIES}.{number}", rows=512, columns=512, number=number, PixelData=pixels, **CT_ATTRIBUTES
        )


def measure(radgate: RadgateProcess, endpoint: str, count: int) -> str:
    """Retrieve the study from the PACS, then once more, when the server has kept what it made."""
    pixels_mb = count * 512 * 512 * 2 / 1e6
    figures = []
    for _ in range(2):
        before_s, began_s = processor_s(radgate.pid), time.perf_counter()
        sent = _retrieve(radgate, endpoint)
        wall_s, spent_s = time.perf_counter() - began_s, processor_s(radgate.pid) - before_s
        assert sent == count
        parts = ", ".join(f"{name} {seconds / count * 1e3:.1f}" for name, seconds in spent_s.most_common())
        rate = f"{pixels_mb / wall_s:.0f} MB/s, {pixels_mb / spent_s.total():.0f} MB/s of processor"
        if spent_s["workers"]:
            rate += f" ({pixels_mb / spent_s['workers']:.0f} of the workers' alone)"
        figures.append(f"{rate}, ms a slice: {parts}")
    return "; again: ".join(figures)


def _retrieve(radgate: RadgateProcess, endpoint: str) -> int:
    if endpoint == "wado":
        with radgate.client(TENANT) as client:
            accept = f'multipart/related; type="application/dicom"; transfer-syntax={HTJ2K}'
            body = client.get(f"/dicom-web/studies/{STUDY}", headers={"accept": accept}).content
            return body.count(f"transfer-syntax={HTJ2K}".encode())
    request = RetrieveInstancesRequest(study_instance_uid=STUDY, accepted_transfer_syntax_uids=[HTJ2K])
    metadata = [("authorization", f"Bearer {radgate.keys[TENANT]}")]
    with grpc.insecure_channel(radgate.endpoints["grpc"]) as channel:
        answers = channel.unary_stream(_METHOD)(request.SerializeToString(), metadata=metadata)
        return sum(answer.startswith(b"\x0a") for answer in answers)


@contextmanager
def _archives(folder: Path, count: int) -> Iterator[dict[str, PacsConnection]]:
    files = folder / "files"
    files.mkdir()
    for number, file in enumerate(slices(count)):
        (files / f"{number}.dcm").write_bytes(file)
    with OrthancServer(folder / "orthanc") as orthanc:
        orthanc.upload(files.iterdir())
        yield {"folder": FolderConnection(str(files)), "DIMSE": dimse(orthanc)}


def main(count: int) -> None:
    """Each PACS through each door, each from cold."""
    with TemporaryDirectory() as name, _archives(Path(name), count) as archives:
        for pacs, connection in archives.items():
            for endpoint in ("grpc", "wado"):
                folder = Path(name) / f"{pacs}-{endpoint}"
                folder.mkdir()
                radgate = RadgateProcess(folder, {"RADGATE_IMAGING__BACKGROUND_THUMBNAILS": "false"})
                with radgate.tenant(TENANT, connection):
                    print(f"{pacs}, {endpoint}: {measure(radgate, endpoint, count)}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SLICES)
