"""C-STORE on associations that are kept: reuse, a PACS that forgets them, its statuses, and a real Orthanc."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from urllib.request import urlopen

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom.events import Event

from radgate_server.adapters.pacs.dimse import StorageScp, build_dimse_pacs
from radgate_server.core.dicom.dataset.file_meta import read_file_meta
from radgate_server.core.dicom.instances import MemoryContent
from radgate_server.core.dicom.transfer_syntaxes import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.errors import PacsAbortedError, PacsFailedError, PacsNoContextError
from radgate_server.core.pacs.connections import DimseConnection
from radgate_server.core.pacs.ports import PacsClient, PacsStore
from radgate_server.settings.pacs import DimseSettings
from tests.conformance.pacs_suite import config_of
from tests.fakes.instances import MR_IMAGE_STORAGE, encode, make_dataset, received
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.faulty_scp import FaultyScp
from tests.integration.orthanc import OrthancServer

SETTINGS = DimseSettings(connect_timeout_s=30, idle_timeout_s=30, acquire_timeout_s=30, pool_idle_s=30)

# pynetdicom's own server, our counterpart here, leaves sockets to the garbage collector when the peer was faster.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


@asynccontextmanager
async def store_of(port: int, aet: str = "FAULTY", max_associations: int = 4) -> AsyncIterator[PacsStore]:
    scp = StorageScp("RADGATE", host="127.0.0.1", port=0, settings=SETTINGS)
    connection = DimseConnection("127.0.0.1", port, aet, "RADGATE", max_associations=max_associations)
    client: PacsClient = build_dimse_pacs(
        config_of(connection), settings=SETTINGS, storage_scp=scp, telemetry=RecordingTelemetry()
    )
    assert client.store is not None
    try:
        yield client.store
    finally:
        await client.close()


def file_of(orthanc: OrthancServer, name: str) -> bytes:
    with urlopen(f"{orthanc.url}/instances/{name}/file") as response:
        return response.read()


def ct(number: int = 1) -> Dataset:
    return make_dataset("2.25.1", "2.25.1.1", f"2.25.1.1.{number}", number=number)


async def test_one_association_serves_one_instance_after_the_other() -> None:
    stored: list[str] = []

    def keep(event: Event) -> int:
        stored.append(event.request.AffectedSOPInstanceUID)
        return 0

    with FaultyScp(on_store=keep) as scp:
        async with store_of(scp.port) as store:
            for number in range(5):
                await store.store(received(ct(number)))
        assert (scp.associations, len(stored)) == (1, 5)


async def test_another_sop_class_has_an_association_of_its_own() -> None:
    with FaultyScp(on_store=lambda _: 0) as scp:
        async with store_of(scp.port) as store:
            for sop_class_uid in (None, MR_IMAGE_STORAGE, None, MR_IMAGE_STORAGE):
                attributes = {"SOPClassUID": sop_class_uid} if sop_class_uid else {}
                await store.store(received(make_dataset("2.25.1", "2.25.1.1", "2.25.1.1.1", **attributes)))
        assert scp.associations == 2


async def test_several_at_a_time_share_no_more_than_allowed() -> None:
    with FaultyScp(on_store=lambda _: 0) as scp:
        async with store_of(scp.port, max_associations=2) as store, asyncio.TaskGroup() as group:
            for number in range(12):
                group.create_task(store.store(received(ct(number))))
        assert scp.associations == 2


async def test_an_association_that_the_pacs_closed_in_the_meantime_costs_one_more_try() -> None:
    aborting = [False, True, False]

    def keep(event: Event) -> int:
        if aborting.pop(0):
            event.assoc.abort()
        return 0

    with FaultyScp(on_store=keep) as scp:
        async with store_of(scp.port) as store:
            await store.store(received(ct(1)))
            await store.store(received(ct(2)))
        assert (scp.associations, aborting) == (2, [])


async def test_a_fresh_association_that_breaks_is_a_failure() -> None:
    def abort(event: Event) -> int:
        event.assoc.abort()
        return 0

    with FaultyScp(on_store=abort) as scp:
        async with store_of(scp.port) as store:
            with pytest.raises(PacsAbortedError) as caught:
                await store.store(received(ct()))
        assert scp.associations == 1
    assert caught.value.over_instance, "it had the instance, and others may do"


@pytest.mark.parametrize(("status", "warning"), [(0x0000, 0), (0x0111, 0), (0xB000, 0xB000), (0xB007, 0xB007)])
async def test_statuses_of_success(status: int, warning: int) -> None:
    with FaultyScp(on_store=lambda _: status) as scp:
        async with store_of(scp.port) as store:
            assert (await store.store(received(ct()))).warning == warning


async def test_a_failure_status_leaves_the_association_in_use() -> None:
    statuses = [0xA700, 0x0000]
    with FaultyScp(on_store=lambda _: statuses.pop(0)) as scp:
        async with store_of(scp.port) as store:
            with pytest.raises(PacsFailedError) as caught:
                await store.store(received(ct(1)))
            assert int(caught.value.details["status"], 16) == 0xA700
            await store.store(received(ct(2)))
        assert scp.associations == 1


async def test_a_sop_class_that_the_pacs_does_not_take_has_no_context() -> None:
    with FaultyScp(on_store=lambda _: 0) as scp:
        async with store_of(scp.port) as store:
            with pytest.raises(PacsNoContextError):
                await store.store(received(make_dataset("2.25.1", "2.25.1.1", "2.25.1.1.1", SOPClassUID="1.2.3.4")))


async def test_orthanc_holds_the_very_bytes(tmp_path: Path) -> None:
    sent = [ct(number) for number in range(1, 9)]
    with OrthancServer(tmp_path) as orthanc:
        async with store_of(orthanc.dicom_port, orthanc.ae_title) as store:
            async with asyncio.TaskGroup() as group:
                for dataset in sent:
                    group.create_task(store.store(received(dataset)))
            await store.store(received(sent[0]))  # again, which is no failure
        held = {}
        for name in orthanc.request("GET", "/instances"):
            dataset = dcmread(BytesIO(file_of(orthanc, name)))
            held[dataset.SOPInstanceUID] = dataset
    assert len(held) == 8
    for dataset in sent:
        assert held[dataset.SOPInstanceUID].PixelData == dataset.PixelData
        assert held[dataset.SOPInstanceUID] == dataset


def deflated(number: int, *, odd: bool) -> Dataset:
    """A data set whose deflated form has a length of that kind: more of a comment, until it has."""
    for length in range(100):
        comment = sha256(bytes([length])).hexdigest()[:length]
        dataset = make_dataset(
            "2.25.1",
            "2.25.1.1",
            f"2.25.1.1.{number}",
            transfer_syntax_uid=DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
            PatientComments=comment,
        )
        file = memoryview(encode(dataset))
        whole = file[read_file_meta(file).data_set_offset :]
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        inflater.decompress(whole)
        if (len(whole) - len(inflater.unused_data)) % 2 == odd:
            return dataset
    raise AssertionError("no comment makes it so")


async def test_deflated_instances_of_odd_length_reach_orthanc(tmp_path: Path) -> None:
    """Files as clients send them: what pads the deflated stream is left out."""
    with OrthancServer(tmp_path) as orthanc:
        async with store_of(orthanc.dicom_port, orthanc.ae_title) as store:
            for number, odd in enumerate((True, False), 1):
                instance = received(deflated(number, odd=odd))
                file = b"".join(instance.content.pieces(1 << 20))
                cut = file[:-1] if odd and file.endswith(b"\0") and len(file) % 2 == 0 else file
                assert (len(cut) - read_file_meta(memoryview(cut)).data_set_offset) % 2 == odd
                await store.store(replace(instance, content=MemoryContent((cut,))))
        assert len(orthanc.request("GET", "/instances")) == 2
