"""The tier of derived things beyond what every HotCache does: its files, its limit, damage, another run."""

from collections.abc import Callable
from pathlib import Path

import pytest

from radgate_server.adapters.cache.derived.tier import DerivedCache
from radgate_server.core.cache.ports.tiers import CacheKey
from radgate_server.core.errors import ConfigurationError
from tests.fakes.clock import FakeClock
from tests.fakes.telemetry import RecordingTelemetry

STUDY = "1.2.840.99.1"
KIB = 1024


def make(folder: Path, limit_bytes: int = 64 * KIB, clock: FakeClock | None = None) -> DerivedCache:
    return DerivedCache(folder, limit_bytes=limit_bytes, clock=clock or FakeClock(), telemetry=RecordingTelemetry())


def key(detail: str, tenant: str = "alpha", study: str = STUDY) -> CacheKey:
    return CacheKey(tenant, study, "thumbnail", detail)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.made*") if path.is_file()]


async def test_what_was_kept_is_there_in_the_next_run(tmp_path: Path) -> None:
    clock = FakeClock()
    async with make(tmp_path, clock=clock) as cache:
        await cache.put(cache.mark(), key("1"), b"for good")
        await cache.put(cache.mark(), key("2"), b"for a minute", ttl_s=60)
    clock.advance(61)
    async with make(tmp_path, clock=clock) as cache:
        await cache.inventory_taken()
        assert (await cache.usage("alpha")).entries == 2
        assert await cache.get(key("1")) == b"for good"
        assert await cache.get(key("2")) is None
        assert (await cache.usage("alpha")).entries == 1


async def test_names_of_files_hold_no_uid(tmp_path: Path) -> None:
    async with make(tmp_path) as cache:
        await cache.put(cache.mark(), key("1.2.3.4/5.6.7.8"), b"1")
        (file,) = files(tmp_path)
        name = str(file.relative_to(tmp_path))
        assert name.startswith("alpha/")
        assert not any(uid in name for uid in (STUDY, "1.2.3.4", "5.6.7.8"))


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: b"X" + data[1:], lambda _: b""])
async def test_what_is_damaged_is_gone(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    async with make(tmp_path) as cache:
        await cache.put(cache.mark(), key("1"), b"answer" * 100)
        (file,) = files(tmp_path)
        file.write_bytes(damage(file.read_bytes()))
        assert await cache.get(key("1")) is None
        assert files(tmp_path) == []
        assert cache.used_bytes == 0


async def test_the_least_recently_used_make_room(tmp_path: Path) -> None:
    async with make(tmp_path, limit_bytes=10 * KIB) as cache:
        for number in range(3):
            await cache.put(cache.mark(), key(str(number)), bytes(3 * KIB))
        assert await cache.get(key("0")) is not None
        await cache.put(cache.mark(), key("3"), bytes(3 * KIB))
        found = [number for number in range(4) if await cache.get(key(str(number))) is not None]
        assert found == [0, 2, 3]
        assert cache.used_bytes <= 10 * KIB


async def test_a_tenant_that_reads_everything_evicts_itself(tmp_path: Path) -> None:
    async with make(tmp_path, limit_bytes=10 * KIB) as cache:
        await cache.put(cache.mark(), key("quiet", "quiet"), bytes(3 * KIB))
        for number in range(6):
            await cache.put(cache.mark(), key(str(number)), bytes(3 * KIB))
        assert await cache.get(key("quiet", "quiet")) is not None
        assert await cache.get(key("5")) is not None


async def test_too_large_an_answer_takes_the_place_of_none(tmp_path: Path) -> None:
    async with make(tmp_path, limit_bytes=10 * KIB) as cache:
        await cache.put(cache.mark(), key("1"), bytes(KIB))
        await cache.put(cache.mark(), key("2"), bytes(KIB))
        await cache.put(cache.mark(), key("1"), bytes(11 * KIB))
        assert await cache.get(key("1")) is None
        assert await cache.get(key("2")) is not None


async def test_a_limit_of_nothing_keeps_nothing(tmp_path: Path) -> None:
    async with make(tmp_path, limit_bytes=0) as cache:
        await cache.put(cache.mark(), key("1"), b"1")
        assert await cache.get(key("1")) is None
        assert files(tmp_path) == []


async def test_what_a_killed_process_left_half_written_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".incoming").mkdir()
    (tmp_path / ".incoming" / "half").write_bytes(b"half")
    async with make(tmp_path) as cache:
        await cache.inventory_taken()
        assert files(tmp_path) == []


async def test_a_folder_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="data_dir/derived"):
        async with make(tmp_path / "file" / "derived"):
            pytest.fail("opened")


async def test_what_is_surely_not_there_is_not_looked_for(tmp_path: Path) -> None:
    async with make(tmp_path) as cache:
        await cache.put(cache.mark(), key("1"), b"1")
    (file,) = files(tmp_path)
    kept = file.read_bytes()
    async with make(tmp_path) as cache:
        await cache.inventory_taken()
        assert await cache.get(key("1")) == b"1"
        file.unlink()
        assert await cache.get(key("1")) is None
        file.write_bytes(kept)
        assert await cache.get(key("1")) is None
