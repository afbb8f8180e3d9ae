"""The things that are measured, each a function that returns its rows."""

import asyncio
import os
import subprocess
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import grpc

from radgate.dicomweb.v1 import dicomweb_service_pb2 as facade
from radgate.v1 import retrieve_service_pb2 as retrieve
from radgate_server.adapters.pacs.dimse import StorageScp, build_dimse_pacs
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.pacs.connections import DimseConnection, PacsConfig
from radgate_server.core.query.model import MatchingKey, Query
from radgate_server.settings.pacs import DimseSettings
from tests.bench.bare import LARGE_BYTES, record
from tests.bench.images import BIG_STUDY, CT_SERIES, CT_STUDY, SLICES_PER_SERIES
from tests.bench.load import Load, run_curl, run_wrk
from tests.bench.rounds import typical_ratio
from tests.bench.servers import PACS, TENANT, Radgate, bare_limit, radgate_for
from tests.bench.table import Row
from tests.fakes.clock import START
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.orthanc import OrthancServer

FACADE = "/radgate.dicomweb.v1.DicomWebService/"
RETRIEVE_INSTANCES = "/radgate.v1.RetrieveService/RetrieveInstances"
FRAME_ACCEPT = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
INSTANCE_ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'
JSON_ACCEPT = "application/dicom+json"
GETSCU = "/usr/bin/getscu"  # DCMTK's: pynetdicom puts programs of the same names into virtual environments
UNLIMITED = (("grpc.max_receive_message_length", -1),)


@dataclass(frozen=True)
class Resource:
    """One DICOMweb resource: its paths, what is accepted, the rpc behind it, and what is aimed at."""

    name: str
    paths: tuple[str, ...]
    accept: str
    method: str
    requests: tuple[bytes, ...]
    target: float | None
    by_bytes: bool = False

    def headers(self, radgate: Radgate) -> dict[str, str]:
        """What a client of Radgate sends with each request."""
        return {"accept": self.accept, "authorization": f"Bearer {radgate.token}"}


def _resources() -> tuple[Resource, ...]:
    series_path = f"/dicom-web/studies/{CT_STUDY}/series"
    series = facade.RetrieveRequest(study=CT_STUDY, series=CT_SERIES[0]).SerializeToString()
    frames = [(uid, f"{uid}.{number}") for uid in CT_SERIES for number in range(1, SLICES_PER_SERIES + 1)]
    return (
        Resource(
            "QIDO studies",
            ("/dicom-web/studies?limit=100",),
            JSON_ACCEPT,
            "SearchStudies",
            (facade.SearchRequest().SerializeToString(),),
            None,
        ),
        Resource(
            "series metadata, 60 instances",
            (f"{series_path}/{CT_SERIES[0]}/metadata",),
            JSON_ACCEPT,
            "RetrieveMetadata",
            (series,),
            2.5,
        ),
        Resource(
            "frames of 512 KiB",
            tuple(f"{series_path}/{uid}/instances/{instance}/frames/1" for uid, instance in frames),
            FRAME_ACCEPT,
            "RetrieveFrames",
            tuple(
                facade.RetrieveFramesRequest(
                    study=CT_STUDY, series=uid, instance=instance, frames="1"
                ).SerializeToString()
                for uid, instance in frames
            ),
            None,
        ),
        Resource(
            "whole series, 30 MiB",
            (f"{series_path}/{CT_SERIES[0]}",),
            INSTANCE_ACCEPT,
            "RetrieveInstances",
            (series,),
            None,
            by_bytes=True,
        ),
    )


RESOURCES = _resources()


async def dicomweb(orthanc: OrthancServer, folder: Path, seconds: int, rounds: int) -> list[Row]:
    """Warm DICOMweb through Envoy against Orthanc's own plug-in and the bare limit, 16 connections, in turn."""
    with radgate_for(orthanc, folder / "radgate") as radgate:
        return [
            await measure(orthanc, radgate, resource, resource.name, folder, seconds, rounds) for resource in RESOURCES
        ]


async def measure(
    orthanc: OrthancServer, radgate: Radgate, resource: Resource, what: str, folder: Path, seconds: int, rounds: int
) -> Row:
    """One resource by Radgate, Orthanc and the bare limit; `what` names its row."""
    make_ready(radgate, resource)
    recording = folder / "recording.pickle"
    name = "accept", resource.accept
    requests = [(FACADE + resource.method, request) for request in resource.requests]
    # Asked for as through Envoy, so that the answers are the ready ones that Envoy's clients get.
    host = "x-forwarded-host", f"127.0.0.1:{radgate.http_port}"
    metadata = [radgate.authorization, name, host, ("x-forwarded-proto", "http")]
    record(radgate.grpc_port, requests, metadata, recording)
    async with bare_limit(recording, folder / "bare") as (bare_port, _):
        return await asyncio.to_thread(_compare, orthanc, radgate, bare_port, resource, what, seconds, rounds)


def upload(orthanc: OrthancServer, instances: Iterable[bytes]) -> None:
    """Store instances through Orthanc's REST API."""
    for instance in instances:
        orthanc.request("POST", "/instances", instance)


def fetch_study(radgate: Radgate) -> None:
    """Have the whole study near."""
    stream_once(radgate.grpc_port, ct_request(), [radgate.authorization])


def make_ready(radgate: Radgate, resource: Resource) -> None:
    """Have the whole study near, and the answers ready."""
    fetch_study(radgate)
    run_wrk(radgate.http_port, resource.paths, resource.headers(radgate), connections=4, seconds=2)


def _compare(
    orthanc: OrthancServer, radgate: Radgate, bare_port: int, resource: Resource, what: str, seconds: int, rounds: int
) -> Row:
    headers = resource.headers(radgate)
    ports = {"radgate": radgate.http_port, "orthanc": orthanc.http_port, "bare": bare_port}
    loads: dict[str, list[Load]] = {name: [] for name in ports}
    for _ in range(rounds):
        for name, port in ports.items():
            taken = load(port, resource, headers, seconds)
            if taken.failed and name != "orthanc":  # its broken answers only make it look faster
                raise RuntimeError(f"{resource.name} by {name}: {taken.failed} failed")
            loads[name].append(taken)
    unit = "MB/s" if resource.by_bytes else "/s"
    figures = {name: [figure(load, resource) for load in taken] for name, taken in loads.items()}
    value = {name: median(taken) for name, taken in figures.items()}
    return Row(
        f"{what}, warm, 16 connections",
        f"{value['radgate']:,.0f} {unit}",
        f"Orthanc's DICOMweb {value['orthanc']:,.0f} {unit}",
        typical_ratio(figures["radgate"], figures["orthanc"]),
        resource.target,
        f"{typical_ratio(figures['radgate'], figures['bare']):.2f} of {value['bare']:,.0f} {unit}",
    )


def load(port: int, resource: Resource, headers: dict[str, str], seconds: int) -> Load:
    """Ask for it over 16 connections."""
    if resource.by_bytes:
        return run_curl(port, resource.paths[0], headers)
    return run_wrk(port, resource.paths, headers, seconds=seconds)


def figure(load: Load, resource: Resource) -> float:
    """What its rows show: answers or megabytes a second."""
    return load.mb_per_second if resource.by_bytes else load.per_second


async def grpc_stream(orthanc: OrthancServer, folder: Path, seconds: int, rounds: int) -> list[Row]:
    """The typed study stream, warm, against a bare grpc.aio server with the same messages; and cold against getscu."""
    request = ct_request()
    recording = folder / "recording.pickle"
    with radgate_for(orthanc, folder / "radgate") as radgate:
        metadata = [radgate.authorization]
        cold, getscu, first = [], [], []
        for _ in range(rounds):
            radgate.command("cache", "invalidate", "--tenant", TENANT)
            await asyncio.sleep(2.5)  # the running server learns of it
            took, first_s = await asyncio.to_thread(stream_once, radgate.grpc_port, request, metadata)
            cold.append(took)
            first.append(first_s)
            getscu.append(await asyncio.to_thread(_getscu, orthanc, folder / "getscu"))
        record(radgate.grpc_port, [(RETRIEVE_INSTANCES, request)], metadata, recording)
        async with bare_limit(recording, folder / "bare") as (_, bare_port):
            warm, bare = [], []
            for _ in range(rounds * 5):
                warm.append((await asyncio.to_thread(stream_once, radgate.grpc_port, request, metadata))[0])
                bare.append((await asyncio.to_thread(stream_once, bare_port, request, []))[0])
    return [
        Row(
            "gRPC study stream, warm, 120 slices",
            f"{median(warm):.3f} s",
            f"bare grpc.aio server {median(bare):.3f} s",
            median(bare) / median(warm),
            0.7,
        ),
        Row(
            "gRPC study stream, cold over C-GET, 120 slices",
            f"{median(cold):.2f} s",
            f"getscu with TCP_NODELAY=1 {median(getscu):.2f} s",
            median(getscu) / median(cold),
            1.0,
        ),
        Row(
            "first instance of it, cold",
            f"{median(first):.3f} s",
            f"last instance {median(cold):.2f} s",
            median(cold) / median(first),
            2.0,
        ),
    ]


def stream_once(port: int, request: bytes, metadata: Sequence[tuple[str, str]]) -> tuple[float, float]:
    """Seconds to the end of the stream, and to the first message of a second instance or the end."""
    start = time.perf_counter()
    first = 0.0
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=UNLIMITED) as channel:
        for message in channel.unary_stream(RETRIEVE_INSTANCES)(request, metadata=metadata):
            if not first and len(message) > LARGE_BYTES:
                first = time.perf_counter() - start
    return time.perf_counter() - start, first


def _getscu(orthanc: OrthancServer, folder: Path) -> float:
    folder.mkdir(exist_ok=True)
    keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={CT_STUDY}"]
    address = ["127.0.0.1", str(orthanc.dicom_port)]
    start = time.perf_counter()
    subprocess.run(
        [GETSCU, "-S", "-aec", orthanc.ae_title, *keys, "-od", str(folder), *address],
        check=True,
        capture_output=True,
        env={**os.environ, "TCP_NODELAY": "1"},
    )
    took = time.perf_counter() - start
    if len(list(folder.iterdir())) != 2 * SLICES_PER_SERIES:
        raise RuntimeError("getscu did not fetch the whole study")
    return took


async def find(orthanc: OrthancServer, seconds: int) -> list[Row]:
    """C-FIND at STUDY level, one after the other on a pooled association."""
    scp = StorageScp("RADGATE", host="127.0.0.1", port=0, settings=DimseSettings())
    connection = DimseConnection("127.0.0.1", orthanc.dicom_port, orthanc.ae_title, "RADGATE")
    config = PacsConfig(TENANT, PACS, connection, START)
    pacs = build_dimse_pacs(config, settings=DimseSettings(), storage_scp=scp, telemetry=RecordingTelemetry())
    query = Query(QueryLevel.STUDY, (MatchingKey(("0020000D",), CT_STUDY),))
    try:
        await pacs.query.find(query, max_results=10)
        count, start = 0, time.perf_counter()
        while time.perf_counter() < start + seconds:
            assert len((await pacs.query.find(query, max_results=10)).matches) == 1
            count += 1
        per_second = count / (time.perf_counter() - start)
    finally:
        await pacs.close()
    return [Row("C-FIND on a pooled association", f"{per_second:,.0f} /s", "200 /s asked for", per_second / 200, 1.0)]


async def memory(orthanc: OrthancServer, folder: Path, total_mib: int) -> list[Row]:
    """Peak memory while a large study streams cold to a fast reader and a slow one, by each protocol."""
    with radgate_for(orthanc, folder / "radgate") as radgate:
        return [
            await _memory_of(endpoint, protocol, total_mib)
            for protocol, endpoint in _endpoints(orthanc, radgate).items()
        ]


def _endpoints(orthanc: OrthancServer, radgate: Radgate) -> dict[str, Radgate]:
    """The same server, asked as a tenant that has Orthanc by the one protocol, and by the other."""
    endpoints = {"C-GET": radgate}
    for protocol, kind, url in (
        ("DICOMweb", "dicomweb", orthanc.dicomweb_url),
        ("Orthanc's REST", "orthanc", orthanc.url),
    ):
        radgate.command("tenant", "create", kind)
        radgate.command("pacs", "add", kind, "--tenant", kind, "--name", PACS, "--url", url)
        token = radgate.command("key", "create", "--tenant", kind, "--role", "viewer").strip()
        endpoints[protocol] = replace(radgate, token=token)
    return endpoints


async def _memory_of(radgate: Radgate, protocol: str, total_mib: int) -> Row:
    request = retrieve.RetrieveInstancesRequest(study_instance_uid=BIG_STUDY).SerializeToString()
    await asyncio.to_thread(stream_once, radgate.grpc_port, ct_request(), [radgate.authorization])
    radgate.reset_peak_rss()
    before = radgate.peak_rss_bytes()
    sizes: dict[str, int] = {}
    readers = [
        threading.Thread(target=_read_slowly, args=(radgate, request, pause_s, sizes, name))
        for name, pause_s in (("fast", 0.0), ("slow", 0.05))
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        await asyncio.to_thread(reader.join)
    mib = (radgate.peak_rss_bytes() - before) / (1 << 20)
    if len(set(sizes.values())) != 1 or sizes["fast"] < total_mib << 20:
        raise RuntimeError(f"the readers did not get the whole study: {sizes}")
    name = f"peak memory over a cold study of {total_mib} MiB by {protocol}, a fast and a slow reader"
    return Row(name, f"+{mib:.0f} MiB", "150 MiB allowed", 150 / max(mib, 1), 1.0)


def ct_request() -> bytes:
    """Asks for the CT study."""
    return retrieve.RetrieveInstancesRequest(study_instance_uid=CT_STUDY).SerializeToString()


def _read_slowly(radgate: Radgate, request: bytes, pause_s: float, sizes: dict[str, int], name: str) -> None:
    total = 0
    with grpc.insecure_channel(f"127.0.0.1:{radgate.grpc_port}", options=UNLIMITED) as channel:
        for message in channel.unary_stream(RETRIEVE_INSTANCES)(request, metadata=[radgate.authorization]):
            total += len(message)
            if len(message) > LARGE_BYTES:
                time.sleep(pause_s / 16)
    sizes[name] = total
