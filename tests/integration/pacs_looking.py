"""A detector and a validator over the real adapters, as the composition root makes them."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from radgate_server.adapters.clock import SystemClock
from radgate_server.adapters.pacs.dicomweb import build_dicomweb_pacs
from radgate_server.adapters.pacs.dimse import StorageScp, build_dimse_pacs
from radgate_server.adapters.pacs.folder import build_folder_pacs
from radgate_server.adapters.pacs.orthanc import build_orthanc_pacs
from radgate_server.core.pacs.ports import PacsFactory
from radgate_server.services.administration.addresses import AddressPolicy
from radgate_server.services.administration.detection import DetectLimits, Detector, impatient
from radgate_server.services.administration.validation import Validator
from radgate_server.settings.settings import Settings
from tests.fakes.telemetry import RecordingTelemetry

GATEWAY_AET = "RADGATE"


def real_factories(settings: Settings) -> dict[str, PacsFactory]:
    telemetry = RecordingTelemetry()
    scp = StorageScp(GATEWAY_AET, host="127.0.0.1", port=0, settings=settings.dimse)
    return {
        "dimse": lambda config: build_dimse_pacs(config, settings=settings.dimse, storage_scp=scp, telemetry=telemetry),
        "dicomweb": lambda config: build_dicomweb_pacs(config, settings=settings.web_pacs, telemetry=telemetry),
        "orthanc": lambda config: build_orthanc_pacs(config, settings=settings.web_pacs, telemetry=telemetry),
        "folder": lambda config: build_folder_pacs(config, telemetry=telemetry),
    }


PATIENT = DetectLimits(deadline_s=6, total_s=15)
"""As long as a real archive may take on a busy machine."""


def make_detector(*allowed_networks: str, limits: DetectLimits = PATIENT) -> Detector:
    factories, policy = real_factories(impatient(Settings(), limits)), AddressPolicy(allowed_networks)
    return Detector(factories, policy, SystemClock(), calling_aet=GATEWAY_AET, limits=limits)


def make_validator() -> Validator:
    return Validator(real_factories(Settings()), SystemClock(), deadline_s=60)


@contextmanager
def speaker(greeting: bytes) -> Iterator[int]:
    """A server that says the same to everybody, nothing if empty, and then waits; yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    taken: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
                taken.append(connection)
                connection.sendall(greeting)
            except OSError:
                return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for connection in taken:
            connection.close()
