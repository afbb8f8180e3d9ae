"""The DIMSE archive as DCMTK's tools and pynetdicom see it."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.filereader import read_file_meta_info
from pynetdicom import AE, build_role, evt
from pynetdicom.association import Association

from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.dicom.instances import Arrival, ListedInstance, ReceivedInstance
from radgate_server.core.errors import PacsUnreachableError
from radgate_server.demo.archive import DimseArchive
from tests.conformance.pacs_suite import sample_instances
from tests.fakes.instances import CT_IMAGE_STORAGE, STUDY, make_instance, make_study
from tests.fakes.memory_pacs import MemoryPacs
from tests.integration.ports import free_port
from tests.integration.waiting import until

ARCHIVE = "ARCHIVE"
STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"
RLE_SAMPLE = 1
SERIES = f"{STUDY}.1"


@pytest.fixture
def pacs() -> MemoryPacs:
    """Two studies of ours, one of them in two series, and RLE pixels."""
    other = make_instance("1.2.3", "1.2.3.1", "1.2.3.1.1", PatientID="P-2", PatientName="Δοκιμή^Άννα", Modality="MR")
    return MemoryPacs([*make_study(3, series=2), other, sample_instances()[RLE_SAMPLE].read_bytes()])


@pytest.fixture
def move_port() -> int:
    return free_port()


@pytest.fixture
async def archive(pacs: MemoryPacs, move_port: int) -> AsyncIterator[DimseArchive]:
    destinations = {"MOVER": ("127.0.0.1", move_port), "NOBODY": ("127.0.0.1", free_port())}
    archive = DimseArchive(pacs.client, ae_title=ARCHIVE, move_destinations=destinations)
    await archive.start()
    yield archive
    await archive.close()


async def run(tool: str, archive: DimseArchive, *arguments: str, called: str = ARCHIVE) -> tuple[int, str]:
    """Run a tool of DCMTK against the archive; its exit code and what it said."""
    # By its path: pynetdicom puts programs of the same names into virtual environments.
    command = (f"/usr/bin/{tool}", "-v", "-aet", "MOVER", "-aec", called, *arguments, "127.0.0.1", str(archive.port))
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode("utf-8", "replace")


def keys(level: str, **values: str) -> list[str]:
    """Arguments for an identifier."""
    pairs = {"QueryRetrieveLevel": level, **values}
    return [argument for name, value in pairs.items() for argument in ("-k", f"{name}={value}")]


async def find(archive: DimseArchive, folder: Path, level: str, **values: str) -> list[Dataset]:
    """C-FIND by findscu."""
    code, output = await run("findscu", archive, "-S", "-X", "-od", str(folder), *keys(level, **values))
    assert code == 0, output
    return [pydicom.dcmread(path, force=True) for path in sorted(folder.glob("rsp*.dcm"))]


async def get(archive: DimseArchive, folder: Path, *options: str, level: str, **values: str) -> tuple[int, str]:
    """C-GET by getscu, which writes what it receives bit by bit."""
    return await run("getscu", archive, "-d", "-S", "+B", "-od", str(folder), *options, *keys(level, **values))


def encoded(path_or_file: Path | bytes) -> bytes:
    """A file's data set as it is encoded."""
    file = path_or_file if isinstance(path_or_file, bytes) else path_or_file.read_bytes()
    length = pydicom.dcmread(pydicom.filebase.DicomBytesIO(file), stop_before_pixels=True).file_meta[0x00020000].value
    return file[132 + 12 + length :]


def received(folder: Path) -> list[bytes]:
    """Data sets of the files in a folder."""
    return sorted(encoded(path) for path in folder.iterdir())


def counted(output: str, what: str) -> list[int]:
    """Numbers of sub-operations of one kind that the responses reported."""
    return [int(number) for number in re.findall(rf"{what} Suboperations\s*: (\d+)", output)]


async def test_echo(archive: DimseArchive) -> None:
    assert (await run("echoscu", archive))[0] == 0


async def test_another_ae_title_is_rejected(archive: DimseArchive) -> None:
    code, output = await run("echoscu", archive, called="OTHER")
    assert code != 0
    assert "Called AE Title Not Recognized" in output


async def test_find_studies(archive: DimseArchive, tmp_path: Path) -> None:
    (match,) = await find(archive, tmp_path, "STUDY", PatientID="P-2", PatientName="", StudyInstanceUID="", StudyID="")
    assert match.PatientName == "Δοκιμή^Άννα"
    assert match.SpecificCharacterSet == "ISO_IR 192"
    assert (match.QueryRetrieveLevel, match.RetrieveAETitle) == ("STUDY", ARCHIVE)
    assert match.StudyInstanceUID == "1.2.3"


async def test_find_by_wildcard_and_range(archive: DimseArchive, tmp_path: Path) -> None:
    wanted = {"PatientName": "m*", "StudyDate": "20260101-20260131", "NumberOfStudyRelatedInstances": ""}
    (match,) = await find(archive, tmp_path, "STUDY", **wanted)
    assert match.StudyInstanceUID == STUDY
    assert match.NumberOfStudyRelatedInstances == 6


async def test_find_series(archive: DimseArchive, tmp_path: Path) -> None:
    matches = await find(archive, tmp_path, "SERIES", StudyInstanceUID=STUDY, SeriesNumber="2", SeriesInstanceUID="")
    assert [match.SeriesInstanceUID for match in matches] == [f"{STUDY}.2"]


async def test_find_images(archive: DimseArchive, tmp_path: Path) -> None:
    wanted = {"StudyInstanceUID": STUDY, "SeriesInstanceUID": SERIES, "SOPInstanceUID": "", "PatientWeight": ""}
    matches = await find(archive, tmp_path, "IMAGE", **wanted)
    assert [match.SOPInstanceUID for match in matches] == [f"{SERIES}.{number}" for number in (1, 2, 3)]
    assert all(match["PatientWeight"].is_empty for match in matches)


async def test_find_at_no_level_fails(archive: DimseArchive) -> None:
    _, output = await run("findscu", archive, "-S", *keys("PLANET"))
    assert "DataSetDoesNotMatchSOPClass" in output


async def test_a_pacs_that_fails_is_reported(archive: DimseArchive, pacs: MemoryPacs) -> None:
    pacs.refuse_with = PacsUnreachableError("gone", pacs="memory")
    _, output = await run("findscu", archive, "-S", *keys("STUDY"))
    assert "UnableToProcess" in output


async def test_get_a_study_byte_for_byte(archive: DimseArchive, tmp_path: Path) -> None:
    code, output = await get(archive, tmp_path, level="STUDY", StudyInstanceUID=STUDY)
    assert code == 0, output
    assert received(tmp_path) == sorted(map(encoded, make_study(3, series=2)))
    assert (counted(output, "Completed")[-1], counted(output, "Failed")[-1]) == (6, 0)


async def test_get_a_series(archive: DimseArchive, tmp_path: Path) -> None:
    await get(archive, tmp_path, level="SERIES", StudyInstanceUID=STUDY, SeriesInstanceUID=SERIES)
    assert received(tmp_path) == sorted(map(encoded, make_study(3)))


async def test_get_a_list_of_images(archive: DimseArchive, tmp_path: Path) -> None:
    uids = f"{SERIES}.1\\{SERIES}.3"
    await get(archive, tmp_path, level="IMAGE", StudyInstanceUID=STUDY, SeriesInstanceUID=SERIES, SOPInstanceUID=uids)
    first, _, third = map(encoded, make_study(3))
    assert received(tmp_path) == sorted([first, third])


async def test_get_compressed_as_stored(archive: DimseArchive, tmp_path: Path) -> None:
    path = sample_instances()[RLE_SAMPLE]
    code, output = await get(archive, tmp_path, "+xr", level="STUDY", StudyInstanceUID=_study_of(path))
    assert code == 0, output
    assert received(tmp_path) == [encoded(path)]
    (file,) = tmp_path.iterdir()
    assert read_file_meta_info(file).TransferSyntaxUID == "1.2.840.10008.1.2.5"


async def test_what_the_peer_can_not_take_is_counted(archive: DimseArchive, tmp_path: Path) -> None:
    _, output = await get(archive, tmp_path, level="STUDY", StudyInstanceUID=_study_of(sample_instances()[RLE_SAMPLE]))
    assert (counted(output, "Completed")[-1], counted(output, "Failed")[-1]) == (0, 1)


async def test_implicit_little_endian_is_made_of_explicit(archive: DimseArchive, tmp_path: Path) -> None:
    await get(archive, tmp_path, "+xi", level="STUDY", StudyInstanceUID="1.2.3")
    (path,) = tmp_path.iterdir()
    dataset = pydicom.dcmread(path)
    assert dataset.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2"
    assert dataset.PatientName == "Δοκιμή^Άννα"


@pytest.mark.parametrize("failure", ["omitted", "aborted"])
async def test_what_the_pacs_does_not_send_is_counted(
    archive: DimseArchive, pacs: MemoryPacs, tmp_path: Path, failure: str
) -> None:
    if failure == "omitted":
        pacs.omitted = {f"{SERIES}.2", f"{SERIES}.3", f"{STUDY}.2.1", f"{STUDY}.2.2"}
    else:
        pacs.abort_after = 2
    _, output = await get(archive, tmp_path, level="STUDY", StudyInstanceUID=STUDY)
    assert (counted(output, "Completed")[-1], counted(output, "Failed")[-1]) == (2, 4)
    assert len(received(tmp_path)) == 2
    assert pacs.open_retrieves == 0


async def test_a_file_that_can_not_be_read_fails_alone(pacs: MemoryPacs, tmp_path: Path) -> None:
    class VanishedContent:
        size_bytes = 1

        def pieces(self, chunk_bytes: int) -> Iterator[bytes]:
            raise FileNotFoundError

    reader = pacs.retrieve

    @asynccontextmanager
    async def retrieve(scope: RetrieveScope, listed: Sequence[ListedInstance]) -> AsyncIterator[AsyncIterator[Arrival]]:
        async def arrivals(stored: AsyncIterator[Arrival]) -> AsyncIterator[Arrival]:
            async for arrival in stored:
                assert isinstance(arrival, ReceivedInstance)
                is_first = arrival.ref.sop_instance_uid == f"{SERIES}.1"
                yield replace(arrival, content=VanishedContent()) if is_first else arrival

        async with reader(scope, listed) as stored:
            yield arrivals(stored)

    pacs.retrieve = retrieve  # type: ignore[method-assign]
    archive = DimseArchive(pacs.client, ae_title=ARCHIVE, move_destinations={})
    await archive.start()
    _, output = await get(archive, tmp_path, level="STUDY", StudyInstanceUID=STUDY)
    await archive.close()
    assert (counted(output, "Completed")[-1], counted(output, "Failed")[-1]) == (5, 1)


async def test_get_of_nothing_is_a_success(archive: DimseArchive, tmp_path: Path) -> None:
    code, output = await get(archive, tmp_path, level="STUDY", StudyInstanceUID="9.9")
    assert code == 0, output
    assert list(tmp_path.iterdir()) == []


async def test_move(archive: DimseArchive, tmp_path: Path, move_port: int) -> None:
    code, output = await _move(archive, tmp_path, move_port, "MOVER")
    assert code == 0, output
    assert received(tmp_path) == sorted(map(encoded, make_study(3, series=2)))


# pynetdicom leaves it to the garbage collector to close a socket that could not connect.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("destination", ["STRANGER", "NOBODY"])
async def test_move_to_where_nobody_is(archive: DimseArchive, tmp_path: Path, move_port: int, destination: str) -> None:
    code, output = await _move(archive, tmp_path, move_port, destination)
    assert code != 0
    assert "MoveDestinationUnknown" in output


async def test_cancel_ends_the_retrieve(archive: DimseArchive, pacs: MemoryPacs) -> None:
    loop = asyncio.get_running_loop()

    def pause() -> None:
        """Send no more, so that the cancellation is not too late."""
        asyncio.run_coroutine_threadsafe(silenced(pacs), loop).result()

    statuses = await asyncio.to_thread(_get_and_cancel, archive.port, pause)
    assert statuses[-1] == 0xFE00
    await until(lambda: (pacs.open_retrieves, pacs.cancelled) == (0, 1))


async def test_a_peer_that_leaves_ends_the_retrieve(archive: DimseArchive, pacs: MemoryPacs) -> None:
    def on_store(event: evt.Event) -> int:
        asyncio.run_coroutine_threadsafe(silenced(pacs), loop).result()
        event.assoc.abort()
        event.assoc.dimse_timeout = 1  # of its own waiting for an answer, that can't come any more
        return 0

    loop = asyncio.get_running_loop()
    association = await asyncio.to_thread(_associate, archive.port, on_store)
    peer = asyncio.to_thread(lambda: list(association.send_c_get(_whole_study(), STUDY_ROOT_GET)))
    getting = asyncio.create_task(peer)
    await until(lambda: pacs.cancelled > 0)
    await getting
    assert (pacs.open_retrieves, pacs.cancelled) == (0, 1)


async def silenced(pacs: MemoryPacs) -> None:
    """In the PACS's event loop, which whoever answers the archive is not in."""
    pacs.silence()


async def test_closing_does_not_wait_for_a_silent_pacs(archive: DimseArchive, pacs: MemoryPacs, tmp_path: Path) -> None:
    pacs.silence()
    peer = asyncio.create_task(get(archive, tmp_path, level="STUDY", StudyInstanceUID=STUDY))
    async with asyncio.timeout(60):
        while not pacs.calls["find"]:
            await asyncio.sleep(0.01)
        await archive.close()
        _, output = await peer
    assert re.search("UnableToProcess|aborted", output)


async def test_several_peers_at_the_same_time(archive: DimseArchive, pacs: MemoryPacs, tmp_path: Path) -> None:
    pacs.latency_s = 0.2
    folders = [tmp_path / str(number) for number in range(4)]
    for folder in folders:
        folder.mkdir()
    await asyncio.gather(*(get(archive, folder, level="STUDY", StudyInstanceUID=STUDY) for folder in folders))
    assert [len(list(folder.iterdir())) for folder in folders] == [6, 6, 6, 6]
    assert pacs.max_open_retrieves > 1


async def _move(archive: DimseArchive, folder: Path, port: int, destination: str) -> tuple[int, str]:
    options = ("-S", "+B", "-aem", destination, "+P", str(port), "-od", str(folder))
    return await run("movescu", archive, *options, *keys("STUDY", StudyInstanceUID=STUDY))


def _study_of(path: Path) -> str:
    return str(pydicom.dcmread(path, stop_before_pixels=True).StudyInstanceUID)


def _get_and_cancel(port: int, pause: Callable[[], None]) -> Sequence[int]:
    """C-GET that is paused and cancelled as soon as the first instance is in; the statuses that were answered."""

    def on_store(event: evt.Event) -> int:
        pause()
        event.assoc.send_c_cancel(1, None, query_model=STUDY_ROOT_GET)
        return 0

    association = _associate(port, on_store)
    statuses = [status.Status for status, _ in association.send_c_get(_whole_study(), STUDY_ROOT_GET)]
    association.release()
    return statuses


def _associate(port: int, on_store: Callable[[evt.Event], int]) -> Association:
    """An association that can C-GET our studies."""
    ae = AE()
    ae.add_requested_context(STUDY_ROOT_GET)
    ae.add_requested_context(CT_IMAGE_STORAGE, "1.2.840.10008.1.2.1")
    role = build_role(CT_IMAGE_STORAGE, scp_role=True)
    handlers = [(evt.EVT_C_STORE, on_store)]
    return ae.associate("127.0.0.1", port, ae_title=ARCHIVE, ext_neg=[role], evt_handlers=[*handlers])


def _whole_study() -> Dataset:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "STUDY"
    identifier.StudyInstanceUID = STUDY
    return identifier
