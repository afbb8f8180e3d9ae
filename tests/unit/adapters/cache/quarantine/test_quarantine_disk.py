"""Refused instances on the disk: what is stored of them, for how long, and who can read it."""

import shutil
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from radgate_server.adapters.cache.disk.layout import study_hash
from radgate_server.adapters.cache.quarantine.folder import QuarantineDisk
from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import InstanceContent, MemoryContent
from radgate_server.core.errors import KeyProviderUnavailableError, ResourceNotFoundError, StorageFullError
from radgate_server.core.quarantine.refused_instance import QuarantineLimits, RefusedInstance
from radgate_server.lib.sealed_blocks import BLOCK_BYTES
from tests.conformance.instance_store_suite import pattern
from tests.fakes.clock import FakeClock
from tests.fakes.study_keys import MemoryStudyKeys

ASKED, STATED = "2.25.501", "2.25.502"
KEY = bytes(range(32))
LIMITS = QuarantineLimits(tenant_bytes=4 << 20, tenant_entries=3, instance_bytes=2 << 20, kept_s=3600)


class Folder:
    """A folder with what it depends on."""

    def __init__(self, root: Path, limits: QuarantineLimits = LIMITS, *, encrypted: bool = True) -> None:
        self.root = root / "quarantine"
        self.clock = FakeClock()
        self.keys = MemoryStudyKeys()
        self.limits = limits
        self.disk = self.opened(self.keys if encrypted else None)

    def opened(self, keys: MemoryStudyKeys | None, key: bytes = KEY) -> QuarantineDisk:
        return QuarantineDisk(self.root, self.limits, self.clock, key, keys)

    def store(self, refused: RefusedInstance, size_bytes: int = 100) -> bytes:
        self.clock.advance(1)
        data = pattern(size_bytes)
        self.disk.store(refused, MemoryContent((data,)))
        return data

    def ids(self, tenant_id: str = "east") -> list[str | None]:
        """The asked SOP Instance UIDs, the newest first."""
        return [entry.refused.asked.sop_instance_uid for entry in self.disk.list_entries(tenant_id)]

    def files(self) -> list[Path]:
        return [path for path in self.root.rglob("*") if path.is_file()]


def malformed(number: int = 1, *, tenant_id: str = "east", study: str = ASKED) -> RefusedInstance:
    asked = RetrieveScope(study, f"{study}.1", f"{study}.1.{number}")
    return RefusedInstance(tenant_id, "main", "INSTANCE_MALFORMED", asked, "P-1")


def mismatch(number: int = 1) -> RefusedInstance:
    asked = RetrieveScope(ASKED, f"{ASKED}.1", f"{ASKED}.1.{number}")
    stated = InstanceRef(STATED, f"{STATED}.1", f"{STATED}.1.1")
    return RefusedInstance("east", "main", "INSTANCE_MISMATCH", asked, "RIGHT", stated, "WRONG")


@pytest.fixture(params=["encrypted", "clear"])
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Folder:
    return Folder(tmp_path, encrypted=request.param == "encrypted")


@pytest.mark.parametrize("size_bytes", [0, 1, 1000, BLOCK_BYTES, 3 * BLOCK_BYTES + 7])
@pytest.mark.parametrize("refused", [malformed(), mismatch(), RefusedInstance("east", "p", "R", RetrieveScope(ASKED))])
def test_it_comes_back_as_it_came(folder: Folder, refused: RefusedInstance, size_bytes: int) -> None:
    data = folder.store(refused, size_bytes)
    (entry,) = folder.disk.list_entries("east")
    assert (entry.refused, entry.size_bytes, entry.receive_time) == (refused, size_bytes, folder.clock.now())
    pieces = list(folder.disk.pieces("east", entry.entry_id))
    assert b"".join(pieces) == data
    assert max(map(len, pieces), default=0) <= BLOCK_BYTES
    assert folder.disk.find("east", entry.entry_id) == entry


def test_neither_files_nor_their_names_report_anything(folder: Folder) -> None:
    data = folder.store(mismatch(), 5000)
    (file,) = folder.files()
    stored = file.read_bytes() + str(file.relative_to(folder.root)).encode()
    for secret in (ASKED.encode(), STATED.encode(), b"WRONG", b"RIGHT", b"MISMATCH", data[:16], data[2000:2016]):
        assert secret not in stored
    assert (folder.root.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
    assert folder.opened(folder.keys, bytes(32)).list_entries("east") == []


def test_what_comes_again_takes_the_place_of_the_older_copy(folder: Folder) -> None:
    folder.store(malformed(), 100)
    folder.store(malformed(), 200)
    assert [entry.size_bytes for entry in folder.disk.list_entries("east")] == [200]


def test_the_oldest_make_room_by_number(folder: Folder) -> None:
    for number in range(5):
        folder.store(malformed(number))
    assert folder.ids() == [f"{ASKED}.1.{number}" for number in (4, 3, 2)]
    folder.store(malformed(0, tenant_id="west"))
    assert len(folder.ids("east")) == 3


def test_the_oldest_make_room_by_bytes(tmp_path: Path) -> None:
    folder = Folder(tmp_path, QuarantineLimits(3 << 20, 100, 2 << 20, 3600))
    for number in range(5):
        folder.store(malformed(number), 1 << 20)
    assert folder.ids() == [f"{ASKED}.1.{number}" for number in (4, 3)]
    assert sum(file.stat().st_size for file in folder.files()) <= 3 << 20


@pytest.mark.parametrize("limits", [LIMITS, QuarantineLimits(1 << 20, 3, 4 << 20, 3600)])
def test_one_that_is_too_large_is_not_stored_in_part(tmp_path: Path, limits: QuarantineLimits) -> None:
    folder = Folder(tmp_path, limits)
    folder.store(malformed(1))
    with pytest.raises(StorageFullError):
        folder.store(malformed(2), 3 << 20)
    assert folder.ids() == [f"{ASKED}.1.1"]


@pytest.mark.parametrize("off", [(0, 3, 100, 1), (100, 0, 100, 1), (100, 3, 0, 1), (100, 3, 100, 0)])
def test_each_zero_switches_it_off_and_what_is_there_goes(folder: Folder, off: tuple[int, int, int, float]) -> None:
    folder.store(malformed())
    switched_off = QuarantineDisk(folder.root, QuarantineLimits(*off), folder.clock, KEY, folder.keys)
    with pytest.raises(StorageFullError):
        switched_off.store(malformed(2), MemoryContent(()))
    assert switched_off.list_entries("east") == []
    assert switched_off.expire() == 1
    assert folder.files() == []


def test_after_its_time_nobody_sees_it_and_the_next_look_deletes_it(folder: Folder) -> None:
    folder.store(malformed(1))
    (entry,) = folder.disk.list_entries("east")
    folder.clock.advance(1800)
    folder.store(malformed(2))
    folder.clock.advance(1801)
    assert folder.ids() == [f"{ASKED}.1.2"]
    with pytest.raises(ResourceNotFoundError):
        folder.disk.find("east", entry.entry_id)
    assert folder.disk.expire() == 1
    assert len(folder.files()) == 1


def test_a_tenant_has_no_way_to_another_ones(folder: Folder) -> None:
    folder.store(malformed())
    (entry,) = folder.disk.list_entries("east")
    assert folder.disk.list_entries("west") == []
    with pytest.raises(ResourceNotFoundError):
        folder.disk.find("west", entry.entry_id)
    with pytest.raises(ResourceNotFoundError):
        list(folder.disk.pieces("west", entry.entry_id))
    with pytest.raises(ResourceNotFoundError):
        folder.disk.remove("west", entry.entry_id)
    folder.disk.erase("west", None)
    folder.disk.erase("west", ASKED)
    assert len(folder.ids()) == 1
    folder.disk.remove("east", entry.entry_id)
    assert folder.files() == []


@pytest.mark.parametrize(("refused", "erased"), [(mismatch(), ASKED), (mismatch(), STATED), (malformed(), "2.25.9")])
def test_an_erasure_takes_what_may_be_of_the_study(folder: Folder, refused: RefusedInstance, erased: str) -> None:
    folder.store(refused, 1000)
    entries, used_bytes = folder.disk.measure("east", erased)
    assert (entries, used_bytes) == (1, folder.files()[0].stat().st_size)
    folder.disk.erase("east", erased)
    assert folder.files() == []


def test_an_erasure_leaves_what_is_known_to_be_of_others(folder: Folder) -> None:
    folder.store(mismatch())
    assert folder.disk.measure("east", "2.25.9") == (0, 0)
    folder.disk.erase("east", "2.25.9")
    assert len(folder.ids()) == 1


@pytest.mark.parametrize("erased", [ASKED, STATED])
def test_without_the_key_of_either_study_a_copy_from_a_backup_is_unreadable(tmp_path: Path, erased: str) -> None:
    folder = Folder(tmp_path)
    folder.store(mismatch())
    shutil.copytree(folder.root, tmp_path / "backup")
    (entry,) = folder.disk.list_entries("east")
    del folder.keys.keys["east", study_hash(erased)]
    folder.disk.erase("east", erased)
    shutil.copytree(tmp_path / "backup", folder.root, dirs_exist_ok=True)
    with pytest.raises(ResourceNotFoundError):
        list(folder.disk.pieces("east", entry.entry_id))
    folder.keys.find_or_make("east", study_hash(erased), erased, lambda: "")  # cached again, the study has another key
    assert folder.ids() == []
    assert folder.files() == [], "nobody will ever read it"


def test_a_refused_instance_does_not_say_whose_a_study_is(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.store(mismatch())
    assert folder.keys.patients == {ASKED: "", STATED: ""}


def test_while_keys_are_away_nothing_is_lost(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.store(malformed(1))
    folder.keys.away = True
    with pytest.raises(StorageFullError):
        folder.store(malformed(2))
    with pytest.raises(KeyProviderUnavailableError):
        folder.disk.list_entries("east")
    folder.keys.away = False
    assert folder.ids() == [f"{ASKED}.1.1"]


@pytest.mark.parametrize("erased", [ASKED, None])
def test_what_is_erased_while_it_is_written_is_not_there_afterwards(folder: Folder, erased: str | None) -> None:
    class ErasedMeanwhile(MemoryContent):
        def pieces(self, chunk_bytes: int) -> object:  # type: ignore[override]
            folder.disk.erase("east", erased)
            return super().pieces(chunk_bytes)

    content: InstanceContent = ErasedMeanwhile((b"x",))
    with suppress(StorageFullError):
        folder.disk.store(malformed(), content)
    assert folder.files() == []


def test_a_damaged_file_is_deleted(folder: Folder) -> None:
    folder.store(malformed(), 1000)
    (file,) = folder.files()
    file.write_bytes(file.read_bytes()[:-1])
    assert folder.ids() == []
    assert folder.files() == []


def test_what_a_killed_process_left_half_written_is_deleted(folder: Folder) -> None:
    folder.store(malformed())
    (folder.root / ".incoming" / "left").write_bytes(b"half")
    folder.clock.advance(timedelta(hours=2).total_seconds())
    folder.disk.expire()
    assert folder.files() == []
