"""Whom the storage SCP admits: DCMTK's storescu under one AE title and from one address or another."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pynetdicom import AE, build_context
from pynetdicom.events import Event

from radgate_server.adapters.pacs.dimse import StorageScp, build_dimse_pacs
from radgate_server.adapters.pacs.dimse.storage_scp import listener as scp_server
from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import FailedInstance, ListedInstance, ReceivedInstance
from radgate_server.core.errors import PacsFailedError
from radgate_server.core.pacs.connections import DimseConnection, RetrieveMethod
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.settings.pacs import DimseSettings
from radgate_server.settings.shared.table import MIB
from tests.conformance.pacs_suite import config_of, fetch
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.faulty_scp import FaultyScp, identifier
from tests.integration.scp_awaiting import awaiting
from tests.integration.storescu import FILE, listed, storescu
from tests.integration.waiting import until

SETTINGS = DimseSettings(connect_timeout_s=30, idle_timeout_s=30)
CT = "1.2.840.10008.5.1.4.1.1.2"
PACS = DimseConnection("pacs.example", 104, "ARCHIVE", "RADGATE")


async def test_the_pacs_that_was_asked_may_send() -> None:
    async with awaiting(SETTINGS, listed(), pacs=PACS) as rig:
        assert await storescu(rig.scp.port) == ""
    assert [type(arrival) for arrival in rig.arrivals] == [ReceivedInstance]
    assert rig.refused == []


@pytest.mark.parametrize(
    ("calling", "called", "reached_at", "reason", "said"),
    [
        ("STRANGER", "RADGATE", "127.0.0.1", "calling-aet", "Calling AE Title Not Recognized"),
        ("ARCHIVE", "OTHER", "127.0.0.1", "called-aet", "Called AE Title Not Recognized"),
        ("ARCHIVE", "RADGATE", "192.0.2.7", "address", "No Reason"),
    ],
)
async def test_others_are_rejected_when_they_ask_for_an_association(
    calling: str, called: str, reached_at: str, reason: str, said: str
) -> None:
    async with awaiting(SETTINGS, listed(), pacs=PACS, reached_at=reached_at) as rig:
        answer = await storescu(rig.scp.port, calling=calling, called=called)
    assert "Result: Rejected Permanent, Source: Service User" in answer
    assert f"Reason: {said}" in answer
    assert rig.refused == [reason]
    assert rig.arrivals == []
    assert {refusal.value for refusal in rig.awaited.refusals} == {reason}


async def test_a_network_and_a_title_that_the_settings_name() -> None:
    pacs = DimseConnection(
        "pacs.example", 104, "ARCHIVE", "RADGATE", sender_aets=("NODE1",), sender_networks=("127.0.0.0/8",)
    )
    async with awaiting(SETTINGS, listed(), pacs=pacs, reached_at="192.0.2.7") as rig:
        assert await storescu(rig.scp.port, calling="NODE1") == ""
        assert "Calling AE Title Not Recognized" in await storescu(rig.scp.port)
    assert len(rig.arrivals) == 1


async def test_strangers_leave_room_for_those_who_are_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scp_server, "MAX_STRANGERS", 2)
    monkeypatch.setattr(scp_server, "MAX_ASSOCIATIONS", 3)
    pacs = DimseConnection("h", 104, "ARCHIVE", "RADGATE", sender_networks=("127.0.0.1/32",))
    async with awaiting(SETTINGS, listed(), pacs=pacs, reached_at="192.0.2.7") as rig:
        address = ("127.0.0.1", rig.scp.port)
        strangers = [socket.create_connection(address, source_address=("127.0.0.2", 0)) for _ in range(3)]
        strangers[-1].settimeout(30)
        assert await asyncio.to_thread(strangers[-1].recv, 1) == b""
        assert await storescu(rig.scp.port) == ""
        for stranger in strangers:
            stranger.close()
    assert len(rig.arrivals) == 1


def grown(folder: Path, pixel_bytes: int) -> Path:
    """The file with more pixels than it had."""
    data_set = dcmread(FILE)
    data_set.Rows, data_set.Columns = 4096, pixel_bytes // 8192
    data_set.PixelData = bytes(pixel_bytes)
    data_set.save_as(folder / "large.dcm")
    return folder / "large.dcm"


@pytest.mark.parametrize("limit", ["scp_buffer_bytes", "max_instance_bytes"])
async def test_what_finds_no_room_is_refused_and_its_room_is_free_again(tmp_path: Path, limit: str) -> None:
    settings = SETTINGS.model_copy(update={limit: MIB})
    large = grown(tmp_path, 2 * MIB)
    async with awaiting(settings, listed(), pacs=PACS) as rig:
        assert "Refused: OutOfResources" in await storescu(rig.scp.port, file=large)
        assert await storescu(rig.scp.port) == ""
        await until(lambda: rig.scp.room.used_bytes == 0)
    assert [type(arrival) for arrival in rig.arrivals] == [FailedInstance, ReceivedInstance]


async def test_a_peer_that_leaves_in_the_middle_gives_its_room_back(tmp_path: Path) -> None:
    large = grown(tmp_path, 256 * MIB)
    async with awaiting(SETTINGS, listed(), pacs=PACS) as rig:
        command = ("storescu", "-aet", "ARCHIVE", "-aec", "RADGATE", "127.0.0.1", str(rig.scp.port), str(large))
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
        await until(lambda: rig.scp.room.used_bytes > MIB)
        process.kill()
        await process.wait()
        await until(lambda: rig.scp.room.used_bytes == 0)
    assert rig.arrivals == []


@asynccontextmanager
async def moving(on_move: Callable[[Event], Iterator[Any]], scp: StorageScp) -> AsyncIterator[PacsClient]:
    """A PACS that is asked as ARCHIVE, and whose associations to others come from FAULTY."""
    with FaultyScp(on_move=on_move) as archive:
        connection = DimseConnection("localhost", archive.port, "ARCHIVE", "RADGATE", RetrieveMethod.MOVE)
        telemetry = RecordingTelemetry()
        client = build_dimse_pacs(config_of(connection), settings=SETTINGS, storage_scp=scp, telemetry=telemetry)
        try:
            yield client
        finally:
            await client.close()


@pytest.mark.parametrize("status", [0xA702, 0xB000, 0x0000])
async def test_a_move_that_brings_nothing_says_what_to_do(status: int) -> None:
    """Whatever the PACS calls it: to some a C-MOVE is done of which every sub-operation failed."""
    scp = StorageScp("RADGATE", host="127.0.0.1", port=0, settings=SETTINGS)
    await scp.start()

    def turned_away(_: Event) -> Iterator[Any]:
        as_another = AE("FAULTY").associate("127.0.0.1", scp.port, [build_context(CT)], ae_title="RADGATE")
        assert as_another.is_rejected
        yield ("127.0.0.1", other.port, {"contexts": [build_context(CT)]})
        yield 1
        yield status, identifier(FailedSOPInstanceUIDList="1.2.3.4.0") if status == 0xB000 else None

    wanted = [ListedInstance(InstanceRef("1.2.3", "1.2.3.4", "1.2.3.4.0"), CT)]
    with FaultyScp() as other:
        async with moving(turned_away, scp) as client:
            with pytest.raises(PacsFailedError, match="another AE title than the PACS: name it in sender_aets"):
                await fetch(client, RetrieveScope("1.2.3"), wanted)
    await scp.close()
