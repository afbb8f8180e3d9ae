"""Encrypted tiers: what can be read without the key, or after it was erased."""

import os
import shutil
from collections.abc import Callable
from math import inf
from pathlib import Path

import pytest

from radgate_server.adapters.cache.derived.folder import DerivedDisk
from radgate_server.adapters.cache.derived.tier import DerivedCache
from radgate_server.adapters.cache.disk.layout import answer_key, entry_key
from radgate_server.adapters.cache.disk.sealed_bytes import SealedForm
from radgate_server.adapters.cache.disk.stored_bytes import Owner
from radgate_server.adapters.cache.warm.folder import WarmDisk
from radgate_server.adapters.cache.warm.tier import DiskInstanceStore
from radgate_server.core.cache.ports.keys import StudyKey
from radgate_server.core.cache.ports.tiers import CacheKey
from radgate_server.core.errors import CorruptEntryError, StorageFullError
from radgate_server.lib.sealed_blocks import BLOCK_BYTES
from tests.conformance.instance_store_suite import INDEX, REF, pattern, received, whole
from tests.fakes.clock import FakeClock
from tests.fakes.instances import make_dataset
from tests.fakes.instances import received as delivered
from tests.fakes.study_keys import MemoryStudyKeys
from tests.fakes.telemetry import RecordingTelemetry

DATA = pattern(3 * BLOCK_BYTES + 1000)
STRIDE, HEADER = BLOCK_BYTES + 16, 40
THUMBNAIL = CacheKey("a", REF.study_instance_uid, "thumbnail", "1")


def store_in(
    root: Path, keys: MemoryStudyKeys | None, telemetry: RecordingTelemetry | None = None
) -> DiskInstanceStore:
    telemetry = telemetry or RecordingTelemetry()
    return DiskInstanceStore(root, limit_bytes=1 << 30, clock=FakeClock(), telemetry=telemetry, keys=keys)


def derived_in(root: Path, keys: MemoryStudyKeys | None) -> DerivedCache:
    return DerivedCache(root, limit_bytes=1 << 20, clock=FakeClock(), telemetry=RecordingTelemetry(), keys=keys)


def files(root: Path, suffix: str = "") -> list[Path]:
    return sorted(path for path in root.rglob(f"[!.]*{suffix}") if path.is_file())


async def test_nothing_of_it_is_on_the_disk(tmp_path: Path) -> None:
    keys = MemoryStudyKeys()
    async with store_in(tmp_path / "warm", keys) as store, derived_in(tmp_path / "derived", keys) as derived:
        await store.put("a", received(DATA))
        await store.save_index("a", REF, INDEX)
        await derived.put(derived.mark(), THUMBNAIL, DATA[:1000])
    assert [path.suffix for path in files(tmp_path)] == [".madex", ".idxx", ".p10x"]
    for path in files(tmp_path):
        stored = path.read_bytes()
        assert REF.study_instance_uid.encode() not in stored
        assert not any(DATA[start : start + 16] in stored for start in range(0, 1000, 16))


async def test_two_copies_of_one_instance_have_no_block_in_common(tmp_path: Path) -> None:
    async with store_in(tmp_path, MemoryStudyKeys()) as store:
        await store.put("a", received(DATA))
        first = files(tmp_path, ".p10x")[0].read_bytes()
        await store.put("a", received(DATA))
        second = files(tmp_path, ".p10x")[0].read_bytes()
    blocks = [{data[start : start + 32] for start in range(HEADER, len(data), STRIDE)} for data in (first, second)]
    assert not blocks[0] & blocks[1]


async def test_what_is_restored_from_a_backup_after_the_key_was_erased_is_unreadable(tmp_path: Path) -> None:
    keys, telemetry = MemoryStudyKeys(), RecordingTelemetry()
    warm, derived_folder, backup = tmp_path / "warm", tmp_path / "derived", tmp_path / "backup"
    async with store_in(warm, keys) as store, derived_in(derived_folder, keys) as derived:
        await store.put("a", received(DATA))
        await store.save_index("a", REF, INDEX)
        await derived.put(derived.mark(), THUMBNAIL, b"jpeg")
    shutil.copytree(warm, backup / "warm")
    shutil.copytree(derived_folder, backup / "derived")
    keys.keys.clear()
    for later in (None, StudyKey(os.urandom(16), os.urandom(32))):  # the study is opened again, and has another key
        shutil.copytree(backup, tmp_path, dirs_exist_ok=True)
        keys.keys |= {(("a", path.parent.name)): later for path in files(warm, ".p10x") if later}
        async with store_in(warm, keys, telemetry) as store, derived_in(derived_folder, keys) as derived:
            assert await store.get("a", REF) is None
            assert await store.load_index("a", REF) is None
            assert await derived.get(THUMBNAIL) is None
        assert not files(warm, ".p10x")
    assert not telemetry.cache_failures  # it is no damage


def swap_blocks(data: bytes) -> bytes:
    one, two = (data[HEADER + n * STRIDE : HEADER + (n + 1) * STRIDE] for n in (0, 1))
    return data[:HEADER] + two + one + data[HEADER + 2 * STRIDE :]


def cut_after_a_block(data: bytes) -> bytes:
    return data[: HEADER + 3 * STRIDE]


def change_a_bit(data: bytes) -> bytes:
    return data[:5000] + bytes((data[5000] ^ 1,)) + data[5001:]


@pytest.mark.parametrize("damage", [swap_blocks, cut_after_a_block, change_a_bit, lambda data: data[: HEADER + 3]])
async def test_what_was_tampered_with_is_not_served(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    keys, telemetry = MemoryStudyKeys(), RecordingTelemetry()
    async with store_in(tmp_path, keys) as store:
        await store.put("a", received(DATA))
    (path,) = files(tmp_path, ".p10x")
    path.write_bytes(damage(path.read_bytes()))
    async with store_in(tmp_path, keys, telemetry) as store:
        handle = await store.get("a", REF)
        if handle is not None:
            with pytest.raises(CorruptEntryError):
                await whole(handle)
        assert await store.get("a", REF) is None
    assert telemetry.cache_failures


async def test_a_file_in_the_place_of_another_is_not_served(tmp_path: Path) -> None:
    other = REF._replace(sop_instance_uid="1.2.3.4.5")
    keys = MemoryStudyKeys()
    async with store_in(tmp_path, keys) as store:
        await store.put("a", received(DATA))
        (first,) = files(tmp_path, ".p10x")
        await store.put("a", received(DATA, ref=other))
        (second,) = {*files(tmp_path, ".p10x")} - {first}
    shutil.copy(first, second)
    async with store_in(tmp_path, keys) as store:
        assert await store.get("a", other) is None
        assert await store.get("a", REF) is not None


async def test_without_a_key_nothing_is_kept_and_nothing_thrown_away(tmp_path: Path) -> None:
    keys = MemoryStudyKeys()
    async with store_in(tmp_path, keys) as store:
        await store.put("a", received(DATA))
    keys.away = True
    async with store_in(tmp_path, keys) as store:
        assert await store.get("a", REF) is None
        with pytest.raises(StorageFullError):
            await store.put("a", received(DATA, ref=REF._replace(sop_instance_uid="1.2.3.4.5")))
    async with derived_in(tmp_path / "derived", keys) as derived:
        keys.away = False
        await derived.put(derived.mark(), THUMBNAIL, b"jpeg")
        keys.away = True
        assert await derived.get(THUMBNAIL) is None
        keys.away = False
        assert await derived.get(THUMBNAIL) == b"jpeg"
    async with store_in(tmp_path, keys) as store:
        handle = await store.get("a", REF)
        assert handle is not None
        assert await whole(handle) == DATA


@pytest.mark.parametrize("encrypted", [True, False])
async def test_files_of_another_form_go_at_the_next_start(tmp_path: Path, encrypted: bool) -> None:
    before, after = (MemoryStudyKeys(), None) if encrypted else (None, MemoryStudyKeys())
    async with store_in(tmp_path, before) as store:
        await store.put("a", received(DATA))
        await store.save_index("a", REF, INDEX)
    assert len(files(tmp_path)) == 2
    async with store_in(tmp_path, after) as store:
        await store.inventory_taken()
        assert not files(tmp_path)
        assert store.used_bytes == 0


async def test_it_is_written_down_whose_study_it_is(tmp_path: Path) -> None:
    keys = MemoryStudyKeys()
    instance = delivered(make_dataset("1.2.5", "1.2.5.1", "1.2.5.1.1", PatientID="P-77"))
    async with store_in(tmp_path, keys) as store:
        await store.put("a", instance)
        await store.put("a", received(DATA))
    assert keys.patients == {instance.ref.study_instance_uid: "P-77", REF.study_instance_uid: ""}


@pytest.mark.parametrize("piece_bytes", [1000, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES, 1 << 30])
@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES, len(DATA)])
def test_pieces_of_any_size_come_out_as_they_were(tmp_path: Path, size: int, piece_bytes: int) -> None:
    form, key, owner = SealedForm(MemoryStudyKeys()), entry_key("a", REF), Owner(REF.study_instance_uid, lambda: "")
    with (tmp_path / "file").open("w+b") as file:
        writer = form.writer(file.fileno(), key, "role", owner)
        for start in range(0, size, piece_bytes):
            writer.write(memoryview(DATA)[:size][start : start + piece_bytes])
        writer.finish()
        assert os.fstat(file.fileno()).st_size == HEADER + size + 16 * max(1, -(-size // BLOCK_BYTES))
        content = form.reader(file.fileno(), key, "role")
        assert content.size_bytes == size
        assert content.read(0, size) == DATA[:size]


class OvertakenKeys(MemoryStudyKeys):
    """Runs `erase` once, right after a key was handed out for writing (`make`) or reading (`find`)."""

    def __init__(self, moment: str) -> None:
        super().__init__()
        self.moment = moment
        self.erase: Callable[[], object] | None = None

    def find(self, tenant_id: str, study: str) -> StudyKey | None:
        key = super().find(tenant_id, study)
        self._overtake("find")
        return key

    def find_or_make(
        self, tenant_id: str, study: str, study_instance_uid: str, patient_id: Callable[[], str]
    ) -> StudyKey:
        key = super().find_or_make(tenant_id, study, study_instance_uid, patient_id)
        self._overtake("make")
        return key

    def _overtake(self, moment: str) -> None:
        if moment == self.moment and self.erase is not None:
            erase, self.erase = self.erase, None
            self.keys.clear()
            erase()


@pytest.mark.parametrize("moment", ["make", "find"])
def test_what_an_erasure_overtakes_is_not_kept(tmp_path: Path, moment: str) -> None:
    keys = OvertakenKeys(moment)
    disk = WarmDisk(tmp_path, 1 << 30, FakeClock(), lambda _: None, SealedForm(keys))
    key = entry_key("a", REF)
    keys.erase = lambda: disk.remove_group("a", key.study)
    with pytest.raises(StorageFullError):
        disk.write(key, received(DATA))
    assert disk.footer_at_hand(key) is None
    assert disk.find(key) is None
    assert not files(tmp_path)
    assert disk.catalogue.used_bytes == 0


def test_a_file_that_is_opened_while_it_is_erased_is_not_kept_open(tmp_path: Path) -> None:
    keys = OvertakenKeys("find")
    disk = WarmDisk(tmp_path, 1 << 30, FakeClock(), lambda _: None, SealedForm(keys))
    key = entry_key("a", REF)
    disk.write(key, received(DATA))
    path = files(tmp_path)[0]
    disk.close()

    def erase() -> None:
        backup = path.read_bytes()
        disk.remove_group("a", key.study)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(backup)  # such as another process may write just now

    keys.erase = erase
    assert disk.find(key) is None
    assert disk.footer_at_hand(key) is None


def test_a_thumbnail_that_an_erasure_overtakes_is_not_kept(tmp_path: Path) -> None:
    keys = OvertakenKeys("make")
    disk = DerivedDisk(tmp_path, 1 << 20, FakeClock(), lambda _: None, SealedForm(keys))
    key = answer_key(THUMBNAIL)
    keys.erase = lambda: disk.remove_groups("a", (key.study,))
    disk.write(key, REF.study_instance_uid, b"jpeg", inf)
    assert not files(tmp_path)
    assert disk.read(key) is None
