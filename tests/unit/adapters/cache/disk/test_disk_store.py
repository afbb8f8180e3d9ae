import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from radgate_server.adapters.cache.disk.inventory import TOUCH_INTERVAL_S
from radgate_server.adapters.cache.disk.layout import RESERVE_BYTES, entry_key
from radgate_server.adapters.cache.disk.stored_bytes import PlainForm
from radgate_server.adapters.cache.warm.folder import OPEN_FILES
from radgate_server.adapters.cache.warm.open_files import OpenFile, OpenFiles, open_file
from radgate_server.adapters.cache.warm.tier import DiskInstanceStore
from radgate_server.core.cache.ages import ages_of
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.errors import ConfigurationError, CorruptEntryError, StorageFullError
from tests.conformance.instance_store_suite import INDEX, REF, got, pattern, received, whole
from tests.fakes.clock import FakeClock
from tests.fakes.telemetry import RecordingTelemetry

SIZE = 600_000
DATA = pattern(SIZE)


def make(root: Path, limit_bytes: int = 1 << 30, clock: FakeClock | None = None) -> DiskInstanceStore:
    return DiskInstanceStore(root, limit_bytes=limit_bytes, clock=clock or FakeClock(), telemetry=RecordingTelemetry())


def numbered(number: int) -> InstanceRef:
    return REF._replace(sop_instance_uid=f"1.2.9.{number}")


def files(root: Path, suffix: str = ".p10") -> list[Path]:
    return sorted(path for path in root.rglob(f"*{suffix}") if path.is_file())


def flip(position: int) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[position] ^= 0x10
        path.write_bytes(data)

    return damage


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


async def test_file_names_report_nothing(tmp_path: Path) -> None:
    async with make(tmp_path) as store:
        await store.put("alpha", received(DATA))
        await store.save_index("alpha", REF, INDEX)
    names = " ".join(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert len(files(tmp_path)) == len(files(tmp_path, ".idx")) == 1
    assert "1.2" not in names
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.rglob("*"))


async def test_a_disk_that_takes_little_at_once_gets_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:70_000]))
    async with make(tmp_path) as store:
        await store.put("alpha", received(DATA))
        assert await whole(await got(store)) == DATA


@pytest.mark.parametrize("damage", [truncate, empty, zero, grow, flip(-1), flip(-40), flip(-100), flip(SIZE)])
async def test_a_damaged_footer_is_a_miss_and_the_entry_goes(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    async with make(tmp_path) as store:
        await store.put("alpha", received(DATA))
    damage(files(tmp_path)[0])
    async with make(tmp_path) as store:
        await store.inventory_taken()
        assert await store.get("alpha", REF) is None
        assert files(tmp_path) == []
        assert (await store.usage("alpha")).entries == 0


@pytest.mark.parametrize("position", [0, 262_143, 262_144, SIZE - 1])
async def test_a_damaged_block_is_noticed_by_whoever_touches_it(tmp_path: Path, position: int) -> None:
    async with make(tmp_path) as store:
        await store.put("alpha", received(DATA))
    flip(position)(files(tmp_path)[0])
    async with make(tmp_path) as store:
        untouched = SIZE - 10 if position < 262_144 else 0
        handle = await got(store)
        assert await handle.read(untouched, 10) == DATA[untouched : untouched + 10]
        with pytest.raises(CorruptEntryError):
            await handle.read(min(position, SIZE - 5), 5)
        assert files(tmp_path) == []
        assert await store.get("alpha", REF) is None
        await store.put("alpha", received(DATA))
        assert await whole(handle) == DATA  # the same bytes are there again


async def read_whole(handle: InstanceHandle) -> bytes:
    return await whole(handle)


async def map_whole(handle: InstanceHandle) -> bytes:
    with handle.open_buffer() as buffer:
        return bytes(buffer)


@pytest.mark.parametrize("position", [0, SIZE - 1])
@pytest.mark.parametrize("reading", [read_whole, map_whole])
async def test_damage_is_noticed_in_whatever_takes_the_whole(
    tmp_path: Path, reading: Callable[[InstanceHandle], Awaitable[bytes]], position: int
) -> None:
    async with make(tmp_path) as store:
        handle = await store.put("alpha", received(DATA))
        with files(tmp_path)[0].open("r+b") as file:
            file.seek(position)
            file.write(bytes([DATA[position] ^ 1]))
        with pytest.raises(CorruptEntryError):
            await reading(handle)
        assert files(tmp_path) == []


@pytest.mark.parametrize("damage", [truncate, empty, zero, grow, flip(0), flip(60), flip(-1), flip(-10), flip(-20)])
async def test_a_damaged_index_is_none(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    async with make(tmp_path) as store:
        await store.put("alpha", received(DATA))
        await store.save_index("alpha", REF, INDEX)
        damage(files(tmp_path, ".idx")[0])
        assert await store.load_index("alpha", REF) is None
        assert await whole(await got(store)) == DATA
        await store.save_index("alpha", REF, INDEX)
        assert await store.load_index("alpha", REF) == INDEX


async def test_a_file_in_anothers_place_is_not_served(tmp_path: Path) -> None:
    async with make(tmp_path) as store:
        await store.put("alpha", received(DATA))
        path = files(tmp_path)[0]
        other = numbered(1)
        await store.put("alpha", received(pattern(10), other))
        target = next(candidate for candidate in files(tmp_path) if candidate != path)
    target.write_bytes(path.read_bytes())
    async with make(tmp_path) as store:
        assert await store.get("alpha", other) is None
        assert await whole(await got(store)) == DATA


async def test_the_least_recently_used_make_room(tmp_path: Path) -> None:
    async with make(tmp_path, limit_bytes=4 * 101_000) as store:
        for number in range(4):
            await store.put("alpha", received(pattern(100_000, number), numbered(number)))
        await whole(await got(store, ref=numbered(0)))
        for number in (4, 5):
            await store.put("alpha", received(pattern(100_000, number), numbered(number)))
        kept = [await store.get("alpha", numbered(number)) is not None for number in range(6)]
        assert kept == [True, False, False, True, True, True]
        assert len(files(tmp_path)) == 4
        usage = await store.usage("alpha")
        assert usage.used_bytes == sum(path.stat().st_size for path in files(tmp_path))
        assert usage.evictions == 2


async def test_ages_are_of_files_since_use_and_since_fetch(tmp_path: Path) -> None:
    clock = FakeClock()
    async with make(tmp_path, clock=clock) as store:
        for number in range(3):
            await store.put("alpha", received(pattern(10, number), numbered(number)))
        await store.put("beta", received(pattern(10), numbered(0)))
        for path in files(tmp_path):
            os.utime(path, (clock.now().timestamp(),) * 2)
        fetched = clock.now()
        clock.advance(2 * 86_400)
        await whole(await got(store, ref=numbered(1)))
        found = await store.ages(["alpha"])
        assert (found.entries, found.examined) == (3, 3)
        assert [(count.used, count.fetched) for count in found.counts] == [(1, 0), (1, 0), (3, 3), (3, 3), (3, 3)]
        assert (found.oldest_use, found.oldest_fetch) == (fetched, fetched)
        files(tmp_path)[0].unlink()
        assert (await store.ages(["alpha", "beta"])).entries == 4
        assert await store.ages(["nobody"]) == ages_of(0, [], clock.now())


async def test_a_tenant_that_reads_everything_evicts_itself(tmp_path: Path) -> None:
    async with make(tmp_path, limit_bytes=4 * 101_000) as store:
        await store.put("quiet", received(pattern(100_000), numbered(0)))
        for number in range(1, 9):
            await store.put("scrolling", received(pattern(100_000, number), numbered(number)))
        assert [(await store.usage(tenant)).entries for tenant in ("quiet", "scrolling")] == [1, 3]


async def test_the_limit_holds_for_all_tenants_together(tmp_path: Path) -> None:
    async with make(tmp_path, limit_bytes=2 * 102_000) as store:
        for tenant in ("alpha", "beta", "gamma"):
            await store.put(tenant, received(pattern(100_000)))
        assert [(await store.usage(tenant)).entries for tenant in ("alpha", "beta", "gamma")] == [0, 1, 1]
        assert store.used_bytes == sum(path.stat().st_size for path in files(tmp_path))


async def test_an_evicted_instance_ends_its_readers_at_the_next_read(tmp_path: Path) -> None:
    async with make(tmp_path, limit_bytes=150_000) as store:
        handle = await store.put("alpha", received(pattern(100_000)))
        assert await handle.read(0, 5) == pattern(5)
        await store.put("alpha", received(pattern(100_000), numbered(1)))
        with pytest.raises(CorruptEntryError):
            await handle.read(5, 5)


async def test_an_instance_beyond_the_limit_is_refused_and_nothing_else_suffers(tmp_path: Path) -> None:
    async with make(tmp_path, limit_bytes=200_000) as store:
        await store.put("alpha", received(pattern(100_000)))
        with pytest.raises(StorageFullError):
            await store.put("alpha", received(pattern(200_001), numbered(1)))
        assert await whole(await got(store)) == pattern(100_000)
        assert list((tmp_path / ".incoming").iterdir()) == []


async def test_a_limit_of_zero_keeps_nothing(tmp_path: Path) -> None:
    async with make(tmp_path) as store:
        await store.put("alpha", received(DATA))
    async with make(tmp_path, limit_bytes=0) as store:
        await store.inventory_taken()
        assert files(tmp_path) == []
        with pytest.raises(StorageFullError):
            await store.put("alpha", received(b"x"))
        assert await store.get("alpha", REF) is None


async def test_stock_is_taken_after_a_restart_and_the_order_of_use_survives(tmp_path: Path) -> None:
    clock = FakeClock()
    async with make(tmp_path, clock=clock) as store:
        for number in range(3):
            await store.put("alpha", received(pattern(100_000, number), numbered(number)))
        await store.save_index("alpha", numbered(0), INDEX)
        for number in (1, 0, 2):
            clock.advance(TOUCH_INTERVAL_S)
            await whole(await got(store, ref=numbered(number)))
        before = await store.usage("alpha")
    async with make(tmp_path, limit_bytes=2 * 101_000) as store:
        await store.inventory_taken()
        kept = [await store.get("alpha", numbered(number)) is not None for number in range(3)]
        assert kept == [True, False, True]
        assert before.entries == 3
        assert (await store.usage("alpha")).used_bytes == sum(
            path.stat().st_size for suffix in (".p10", ".idx") for path in files(tmp_path, suffix)
        )


async def test_what_a_killed_process_left_half_written_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".incoming").mkdir(parents=True)
    (tmp_path / ".incoming" / "tmpabandoned").write_bytes(bytes(1000))
    async with make(tmp_path) as store:
        await store.inventory_taken()
        assert list((tmp_path / ".incoming").iterdir()) == []


async def test_continues_when_the_folder_is_emptied_under_it(tmp_path: Path) -> None:
    async with make(tmp_path / "warm") as store:
        handle = await store.put("alpha", received(DATA))
        (tmp_path / "warm").rename(tmp_path / "away")
        for path in files(tmp_path / "away"):
            path.unlink()
        with pytest.raises(CorruptEntryError):
            await whole(handle)
        assert await store.get("alpha", REF) is None
        await store.put("alpha", received(DATA))
        assert await whole(await got(store)) == DATA


async def test_another_process_may_delete_and_replace_at_any_time(tmp_path: Path) -> None:
    async with make(tmp_path) as store, make(tmp_path) as other:
        handle = await store.put("alpha", received(DATA))
        assert await whole(await got(other)) == DATA
        assert await other.invalidate("alpha", REF.study_instance_uid) == 1
        with pytest.raises(CorruptEntryError):
            await whole(handle)
        assert await store.get("alpha", REF) is None
        assert (await store.usage("alpha")).entries == 0
        await store.put("alpha", received(DATA))
        await whole(await got(store))
        await other.put("alpha", received(pattern(100)))
        assert await whole(await got(store)) == pattern(100)


class FailingContent:
    """A disk that fails in the middle."""

    size_bytes = 1000

    def pieces(self, chunk_bytes: int) -> Iterator[bytes]:
        yield bytes(500)
        raise OSError(28, "No space left on device")


async def test_a_failing_disk_leaves_nothing_behind_and_the_older_copy_alone(tmp_path: Path) -> None:
    async with make(tmp_path) as store:
        await store.put("alpha", received(DATA))
        before = await store.usage("alpha")
        with pytest.raises(StorageFullError):
            await store.put("alpha", replace(received(b""), content=FailingContent()))
        assert list((tmp_path / ".incoming").iterdir()) == []
        assert await whole(await got(store)) == DATA
        assert replace(await store.usage("alpha"), hits=0) == before


async def test_open_files_are_bounded(tmp_path: Path) -> None:
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        descriptors = Path("/dev/fd")
    before = len(list(descriptors.iterdir()))
    async with make(tmp_path) as store:
        handles = [await store.put("alpha", received(b"data", numbered(number))) for number in range(OPEN_FILES + 50)]
        assert len(list(descriptors.iterdir())) <= before + OPEN_FILES + 20
        for handle in handles:
            assert await whole(handle) == b"data"
    assert len(list(descriptors.iterdir())) <= before + 5


async def test_a_file_is_not_closed_under_its_reader(tmp_path: Path) -> None:
    async with make(tmp_path) as store:
        await store.put("alpha", received(DATA))
    key = entry_key("alpha", REF)
    table, file = OpenFiles(1), open_file(files(tmp_path)[0], key, PlainForm())
    table.add(key, file)
    with file.in_use() as usable:
        assert usable
        table.drop(key)
        assert os.pread(file.fd, 4, 0) == DATA[:4]
        with file.in_use() as late:
            assert not late
        assert os.pread(file.fd, 4, 0) == DATA[:4]
    assert _is_closed(file)


def _is_closed(file: OpenFile) -> bool:
    try:
        os.fstat(file.fd)
    except OSError:
        return True
    return False


async def test_a_folder_that_cannot_be_made_stops_the_start_with_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="can't be made: File exists") as caught:
        async with make(tmp_path / "file" / "warm"):
            pytest.fail("started")
    assert str(tmp_path) not in str(caught.value)


async def test_the_last_part_of_the_disk_is_left_to_the_audit_trail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = os.statvfs(tmp_path)
    free_bytes = RESERVE_BYTES + SIZE // 2
    nearly_full = os.statvfs_result((*disk[:3], *[free_bytes // disk.f_frsize] * 2, *disk[5:]))
    monkeypatch.setattr("radgate_server.adapters.cache.disk.layout.os.statvfs", lambda _: nearly_full)
    async with make(tmp_path / "warm") as store:
        with pytest.raises(StorageFullError):
            await store.put("east", received(DATA))
        assert await store.put("east", received(DATA[: SIZE // 4]))
    assert len(files(tmp_path)) == 1
