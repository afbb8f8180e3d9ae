"""Frames of the bench's CT study, asked for over gRPC without Envoy: how soon, how many, at what processor time."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from tests.bench.grpc_load import CallLoad, run_h2load
from tests.bench.processor import processor_s
from tests.bench.scenarios import FACADE, RESOURCES, ct_request, stream_once
from tests.bench.servers import TENANT, BareServer
from tests.e2e.radgate_process import RadgateProcess, dimse
from tests.integration.orthanc import OrthancServer

FRAMES = next(resource for resource in RESOURCES if resource.method == "RetrieveFrames")
METHOD = FACADE + FRAMES.method
FRAME_BYTES = 512 * 512 * 2


@dataclass(frozen=True)
class Asked:
    """What clients saw, and what an answer took the server, in seconds of processor time."""

    load: CallLoad
    processor_s: float


@dataclass(frozen=True)
class FrameServer:
    """Where frames are asked for, and with which metadata."""

    port: int
    pid: int
    metadata: Sequence[tuple[str, str]]

    @staticmethod
    def of(process: RadgateProcess) -> "FrameServer":
        """A Radgate of which `serving_frames` is running."""
        port = int(process.endpoints["grpc"].rpartition(":")[2])
        caller = "authorization", f"Bearer {process.keys[TENANT]}"
        return FrameServer(port, process.pid, (caller, ("accept", FRAMES.accept)))

    @staticmethod
    def bare(server: BareServer) -> "FrameServer":
        """The bare limit, which looks at no metadata."""
        return FrameServer(server.port, server.pid, ())

    def ask(self, clients: int, seconds: int, per_second: float | None = None) -> Asked:
        """Each client asks for a frame of its own again and again; with `per_second` all together at that rate."""
        before_s = processor_s(self.pid).total()
        load = run_h2load(
            self.port,
            METHOD,
            FRAMES.requests[:clients],
            self.metadata,
            seconds=seconds,
            answer_bytes=FRAME_BYTES,
            per_second=per_second,
        )
        return Asked(load, (processor_s(self.pid).total() - before_s) / len(load.latencies_s))

    def ask_once(self) -> None:
        """Ask for each frame of the study, one after the other."""
        with grpc.insecure_channel(f"127.0.0.1:{self.port}") as channel:
            for request in FRAMES.requests:
                channel.unary_unary(METHOD)(request, metadata=self.metadata)


@contextmanager
def serving_frames(orthanc: OrthancServer, folder: Path, settings: Mapping[str, str]) -> Iterator[RadgateProcess]:
    """A Radgate with the CT study on its disk, which was asked for each frame once."""
    folder.mkdir(parents=True)
    quiet = {"RADGATE_IMAGING__BACKGROUND_THUMBNAILS": "false"}
    with RadgateProcess(folder, {**quiet, **settings}).tenant(TENANT, dimse(orthanc)) as process:
        server = FrameServer.of(process)
        stream_once(server.port, ct_request(), server.metadata)
        server.ask_once()
        yield process
