"""Start the cluster for a person, and keep it until Ctrl-C.

python -m tests.cluster [--folder DICOM]
"""

import argparse
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.cluster.cluster import TENANT, Cluster, running_cluster
from tests.e2e.processes import server_processes
from tests.e2e.studies import all_studies
from tests.fakes.instances import encode
from tests.integration.orthanc import OrthancServer


def main() -> None:
    """Start all of it, print where it is, and wait."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument("--folder", type=Path, help="DICOM files for the PACS; without it, files of pydicom")
    chosen = parser.parse_args()
    ended = threading.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, lambda *_: ended.set())
    with TemporaryDirectory() as folder, OrthancServer(Path(folder) / "orthanc") as orthanc:
        for number, file in enumerate(_files(chosen.folder), 1):
            orthanc.request("POST", "/instances", file)
            print(f"\r{number} instances are in the PACS", end="", flush=True)
        print("; the servers start ...", flush=True)
        with running_cluster(Path(folder), orthanc) as cluster:
            print("\n".join(_description(cluster)), flush=True)
            ended.wait()
            print("stopping", flush=True)


def _files(folder: Path | None) -> Iterator[bytes]:
    if folder is None:
        yield from (encode(original.dataset) for original in all_studies())
        return
    for path in sorted(folder.rglob("*")):
        if path.is_file() and _is_dicom(path):
            yield path.read_bytes()


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132).endswith(b"DICM")


def _description(cluster: Cluster) -> Iterator[str]:
    """Where everything is, and what to try."""
    key = cluster.front.keys[TENANT]
    yield f"DICOMweb       {cluster.front.url}/dicom-web"
    yield f"gRPC           {cluster.front.endpoints['http']}"
    yield f"API key        {key}"
    yield f"Orthanc        AE title {cluster.orthanc.ae_title}, port {cluster.orthanc.dicom_port}"
    yield f"Redis          {cluster.engines.redis.url}"
    yield f"NATS           {cluster.engines.nats.url}"
    yield f"S3             {cluster.engines.store.endpoint}"
    yield f"PostgreSQL     socket in {cluster.engines.postgres.folder}"
    for process in cluster.processes:
        yield f"{process.folder.name:<14} process {process.pid}, {process.metrics_url}, log {process.log_file}"
    for machine in cluster.machines:
        for number, pid in sorted(server_processes(machine.pid).items()):
            yield f"{machine.folder.name}/{number:<5} process {pid}, started again by process {machine.pid}"
    yield ""
    yield "Try: kill -9 any process but that of machine1, which runs Envoy, while this goes on:"
    yield f"  curl -H 'Authorization: Bearer {key}' {cluster.front.url}/dicom-web/studies"
    yield "Ctrl-C ends all of it."


if __name__ == "__main__":
    main()
