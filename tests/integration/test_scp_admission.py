"""Whom the storage SCP lets in: DCMTK's storescu under one AE title and from one address or another."""

import asyncio
import socket
from pathlib import Path

import pytest
from pydicom import dcmread

from radgate_server.adapters.pacs.dimse import scp_server
from radgate_server.config import MIB, DimseSettings
from radgate_server.core.instances import FailedInstance, ReceivedInstance
from radgate_server.core.pacs import DimseConnection
from tests.integration.scp_awaiting import awaiting
from tests.integration.storescu import FILE, listed, storescu
from tests.integration.waiting import until

SETTINGS = DimseSettings(connect_timeout_s=5, idle_timeout_s=5)
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
        strangers[-1].settimeout(5)
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
