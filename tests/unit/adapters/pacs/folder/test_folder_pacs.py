"""The folder PACS where files come, go, change and are not what they seem."""

import asyncio
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from radgate_server.adapters.pacs.folder import FolderIndex, build_folder_pacs, index_folder
from radgate_server.core.dicom.identifiers import QueryLevel, RetrieveScope
from radgate_server.core.dicom.instances import Arrival, FailedInstance, FileContent, ListedInstance, ReceivedInstance
from radgate_server.core.errors import InstanceNotSentError, PacsCannotError, PacsUnreachableError
from radgate_server.core.pacs.connections import DimseConnection, FolderConnection
from radgate_server.core.query.model import MatchingKey, Query
from tests.conformance.pacs_suite import config_of, fetch, find, value
from tests.fakes.clock import FakeClock
from tests.fakes.instances import STUDY, make_instance, make_study
from tests.fakes.telemetry import RecordingTelemetry

WHOLE_STUDY = RetrieveScope(STUDY)
FIRST = RetrieveScope(STUDY, f"{STUDY}.1", f"{STUDY}.1.1")


class Folder:
    """A folder with a study of two instances, its PACS, and the clock that it goes by."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = FakeClock()
        self.telemetry = RecordingTelemetry()
        self.read: list[tuple[int, int]] = []
        for number, file in enumerate(make_study(2), start=1):
            self.write(f"{number}.dcm", file)
        index = FolderIndex(root, lambda *progress: self.read.append(progress), self.clock.monotonic_s)
        self.pacs = build_folder_pacs(config_of(FolderConnection(str(root))), telemetry=self.telemetry, index=index)

    def write(self, name: str, file: bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file)
        return path

    async def instances(self) -> list[str]:
        return [str(value(match, "00080018")) for match in await find(self.pacs, QueryLevel.IMAGE)]

    async def detail(self) -> str:
        return (await self.pacs.echo.echo()).detail


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "archive")


async def test_a_study_is_described_and_counted(folder: Folder) -> None:
    folder.write("sr.dcm", make_instance(STUDY, f"{STUDY}.9", f"{STUDY}.9.1", Modality="SR", SOPClassUID="1.2.3"))
    include = ["00080056", "00080061", "00080062", "00201206", "00201208"]
    (match,) = await find(folder.pacs, QueryLevel.STUDY, include=include)
    assert {tag: match[tag]["Value"] for tag in include} == {
        "00080056": ["ONLINE"],
        "00080061": ["CT", "SR"],
        "00080062": ["1.2.3", "1.2.840.10008.5.1.4.1.1.2"],
        "00201206": [2],
        "00201208": [3],
    }
    first, _ = await find(folder.pacs, QueryLevel.SERIES)
    assert first["00201209"] == {"vr": "IS", "Value": [2]}


async def test_other_files_are_skipped_and_counted(folder: Folder) -> None:
    folder.write("notes.txt", b"x" * 500)
    folder.write("empty", b"")
    folder.write("broken.dcm", make_study(1)[0][:400])
    folder.write("z-copy.dcm", make_study(1)[0])
    dicomdir = get_testdata_file("dicomdirtests/DICOMDIR", download=False)
    assert dicomdir is not None
    folder.write("DICOMDIR", Path(dicomdir).read_bytes())
    assert await folder.detail() == "2 instances, 1 duplicates, 3 files that are no DICOM, 1 unreadable files"


async def test_of_two_files_with_one_uid_the_first_by_path_wins(folder: Folder) -> None:
    folder.write("0-first.dcm", make_instance(STUDY, f"{STUDY}.1", f"{STUDY}.1.1", rows=16))
    (arrival,) = await fetch(folder.pacs, FIRST, ())
    assert isinstance(arrival, ReceivedInstance)
    assert isinstance(arrival.content, FileContent)
    assert arrival.content.path.name == "0-first.dcm"


async def test_links_that_loop_end(folder: Folder) -> None:
    (folder.root / "loop").symlink_to(folder.root)
    (folder.root / "dangling").symlink_to(folder.root / "nowhere")
    assert await folder.detail() == "2 instances"


async def test_a_new_file_is_noticed_within_seconds(folder: Folder) -> None:
    assert len(await folder.instances()) == 2
    folder.write("sub/3.dcm", make_instance(STUDY, f"{STUDY}.1", f"{STUDY}.1.3"))
    assert len(await folder.instances()) == 2
    folder.clock.advance(4)
    assert len(await folder.instances()) == 3
    folder.write("sub/4.dcm", make_instance(STUDY, f"{STUDY}.1", f"{STUDY}.1.4"))
    folder.clock.advance(4)
    assert len(await folder.instances()) == 4


async def test_nothing_is_read_again_when_nothing_changed(folder: Folder) -> None:
    await folder.instances()
    folder.clock.advance(4)
    await folder.instances()
    assert folder.read == [(1, 2), (2, 2)]


async def test_a_file_that_was_still_being_written_is_read_later(folder: Folder) -> None:
    whole = make_instance(STUDY, f"{STUDY}.1", f"{STUDY}.1.3")
    folder.write("3.dcm", whole[:300])
    assert len(await folder.instances()) == 2
    folder.write("3.dcm", whole)
    folder.clock.advance(4)
    assert len(await folder.instances()) == 3


async def test_a_file_that_changed_goes_out_as_it_is_now(folder: Folder) -> None:
    await folder.instances()
    larger = make_instance(STUDY, f"{STUDY}.1", f"{STUDY}.1.1", rows=64)
    folder.write("1.dcm", larger)
    (arrival,) = await fetch(folder.pacs, FIRST, ())
    assert isinstance(arrival, ReceivedInstance)
    assert b"".join(arrival.content.pieces(100)) == larger
    (match,) = await find(folder.pacs, QueryLevel.IMAGE, t00080018=f"{STUDY}.1.1")
    assert value(match, "00280010") == 64


@pytest.mark.parametrize("replacement", [None, b"no DICOM", make_instance("1.2", "1.3", "1.4")])
async def test_a_file_that_is_gone_or_another_fails_alone(folder: Folder, replacement: bytes | None) -> None:
    await folder.instances()
    if replacement is None:
        (folder.root / "1.dcm").unlink()
    else:
        folder.write("1.dcm", replacement)
    failed, arrived = await fetch(folder.pacs, WHOLE_STUDY, ())
    assert isinstance(failed, FailedInstance)
    assert isinstance(failed.error, InstanceNotSentError)
    assert isinstance(arrived, ReceivedInstance)
    assert f"{STUDY}.1.1" not in await folder.instances()


@pytest.mark.parametrize("path", ["nowhere", "archive/1.dcm"])
async def test_a_folder_that_is_none_is_unreachable(folder: Folder, path: str) -> None:
    config = config_of(FolderConnection(str(folder.root.parent / path)))
    pacs = build_folder_pacs(config, telemetry=folder.telemetry)
    for call in (pacs.echo.echo(), pacs.query.find(Query(QueryLevel.STUDY), max_results=1)):
        with pytest.raises(PacsUnreachableError):
            await call
    with pytest.raises(PacsUnreachableError):
        await fetch(pacs, WHOLE_STUDY, ())
    assert [call.outcome for call in folder.telemetry.pacs_calls] == ["PacsUnreachableError"] * 3


async def test_a_folder_that_goes_away_is_unreachable(folder: Folder) -> None:
    await folder.instances()
    folder.root.rename(folder.root.with_name("elsewhere"))
    folder.clock.advance(4)
    with pytest.raises(PacsUnreachableError):
        await folder.instances()


async def test_all_first_users_share_one_scan(folder: Folder) -> None:
    await asyncio.gather(*(folder.instances() for _ in range(5)))
    assert len(folder.read) == 2


async def test_a_user_that_gives_up_does_not_stop_the_scan_of_others(folder: Folder) -> None:
    impatient = asyncio.create_task(folder.instances())
    patient = asyncio.create_task(folder.instances())
    await asyncio.sleep(0)
    impatient.cancel()
    assert len(await patient) == 2
    assert len(folder.read) == 2


async def test_only_what_is_listed_and_in_scope_comes(folder: Folder) -> None:
    arrivals = await fetch(folder.pacs, WHOLE_STUDY, ())
    listed = [listed for listed in map(_listed, arrivals) if listed.ref.sop_instance_uid.endswith(".2")]
    (arrival,) = await fetch(folder.pacs, WHOLE_STUDY, listed)
    assert arrival.ref == listed[0].ref
    assert await fetch(folder.pacs, RetrieveScope("9.9"), ()) == []


async def test_keys_below_the_level_ask_for_what_holds_a_match(folder: Folder) -> None:
    folder.write("mr.dcm", make_instance("1.2", "1.3", "1.4", Modality="MR", SliceThickness="2.50"))
    for key in ({"t00080060": "MR"}, {"t00080018": "1.4"}, {"t00180050": "2.5"}):
        (match,) = await find(folder.pacs, QueryLevel.STUDY, **key)
        assert value(match, "0020000D") == "1.2"
    (match,) = await find(folder.pacs, QueryLevel.SERIES, t00180050="2.5")
    assert value(match, "0020000E") == "1.3"


async def test_any_attribute_can_be_asked_for(folder: Folder) -> None:
    key = (MatchingKey(("00080018",), f"{STUDY}.1.1"),)
    (everything,) = (
        await folder.pacs.query.find(Query(QueryLevel.IMAGE, key, include_all=True), max_results=9)
    ).matches
    assert value(everything, "00080008") == "ORIGINAL"
    assert value(everything, "00100010") == {"Alphabetic": "Müller^Jürgen"}
    assert "7FE00010" not in everything
    (match,) = await find(folder.pacs, QueryLevel.IMAGE, include=["00280101"], t00080018=f"{STUDY}.1.1")
    assert value(match, "00280101") == 12


async def test_long_headers_are_read_whole(folder: Folder) -> None:
    folder.write("long.dcm", make_instance("1.2", "1.3", "1.4", TextValue="x" * 200_000, rows=512, columns=512))
    (match,) = await find(folder.pacs, QueryLevel.IMAGE, include=["0040A160", "00280010"], t0020000d="1.2")
    assert match["0040A160"]["Value"] == ["x" * 200_000]
    assert value(match, "00280010") == 512


async def test_truncated_pixels_cost_nobody_else(folder: Folder) -> None:
    folder.write("cut.dcm", make_instance("1.2", "1.3", "1.4", rows=512, columns=512)[:-1000])
    assert len(await folder.instances()) == 3


@pytest.mark.parametrize("name", ["ExplVR_BigEnd.dcm", "image_dfl.dcm", "rtplan.dcm", "reportsi.dcm", "JPEG2000.dcm"])
async def test_every_encoding_is_read(folder: Folder, name: str) -> None:
    path = get_testdata_file(name, download=False)
    assert path is not None
    folder.write(name, Path(path).read_bytes())
    assert await folder.detail() == "3 instances"


async def test_progress_is_reported(folder: Folder) -> None:
    reported: list[tuple[int, int]] = []
    index = await index_folder(folder.root, lambda *progress: reported.append(progress))
    assert reported == [(1, 2), (2, 2)]
    assert len((await index.snapshot()).holdings) == 2


async def test_calls_and_bytes_are_reported(folder: Folder) -> None:
    await folder.detail()
    arrivals = await fetch(folder.pacs, WHOLE_STUDY, ())
    sizes = [arrival.content.size_bytes for arrival in arrivals if isinstance(arrival, ReceivedInstance)]
    assert [call[:3] for call in folder.telemetry.pacs_calls] == [("main", "echo", "ok"), ("main", "retrieve", "ok")]
    assert folder.telemetry.received == {"main": sum(sizes)}


async def test_closing_stops_the_scan(folder: Folder) -> None:
    first_use = asyncio.create_task(folder.instances())
    await asyncio.sleep(0)
    await folder.pacs.close()
    with pytest.raises(PacsUnreachableError):
        await first_use


def test_a_folder_is_read_only_and_of_the_right_kind(folder: Folder) -> None:
    assert folder.pacs.store is None
    with pytest.raises(PacsCannotError):
        build_folder_pacs(config_of(DimseConnection("h", 1, "A", "B")), telemetry=folder.telemetry)


def _listed(arrival: Arrival) -> ListedInstance:
    assert isinstance(arrival, ReceivedInstance)
    return ListedInstance(arrival.ref, arrival.sop_class_uid)
