"""Storing with both clients of the SDK."""

import asyncio
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

import radgate
from radgate_server.core.access.tenancy import Role
from tests.fakes.instances import make_instance, make_study
from tests.rpc.rig import Rig

FILES = make_study(3, study="2.25.77")


@pytest.fixture
async def token(rig: Rig) -> str:
    return await rig.key("east", role=Role.OPERATOR)


def held(rig: Rig) -> list[bytes]:
    return sorted(b"".join(stored.content.pieces(1 << 20)) for stored in rig.east.stored)


async def test_paths_bytes_and_open_files_are_stored(rig: Rig, token: str, tmp_path: Path) -> None:
    path = tmp_path / "first.dcm"
    path.write_bytes(FILES[0])
    steps: list[radgate.Progress] = []
    async with radgate.aio.Client(rig.target, token) as client:
        report = await client.store([path, FILES[1], BytesIO(FILES[2])], pacs="main", on_progress=steps.append)
    assert (report.pacs, report.failed) == ("main", ())
    assert [result.sop_instance_uid for result in report.results] == [f"2.25.77.1.{number}" for number in (1, 2, 3)]
    assert held(rig) == sorted(FILES)
    assert steps[-1] == radgate.Progress(3, sum(map(len, FILES)))


async def test_the_synchronous_client_stores_too(rig: Rig, token: str, tmp_path: Path) -> None:
    path = tmp_path / "first.dcm"
    path.write_bytes(FILES[0])

    def use() -> radgate.StoreReport:
        with radgate.Client(rig.target, token) as client:
            return client.store([str(path), FILES[1]])

    report = await asyncio.to_thread(use)
    assert [result.stored for result in report.results] == [True, True]
    assert held(rig) == sorted(FILES[:2])


async def test_what_was_not_stored_is_reported_with_its_reason(rig: Rig, token: str) -> None:
    large = make_instance("2.25.77", "2.25.78", "2.25.79", rows=1000, columns=1000)
    async with radgate.aio.Client(rig.target, token) as client:
        report = await client.store([b"no DICOM", large, FILES[0]], study_instance_uid="2.25.77")
    assert [(result.reason, result.dicom_status) for result in report.failed] == [
        ("INSTANCE_MALFORMED", 0xC000),
        ("INSTANCE_TOO_LARGE", 0xA700),
    ]
    assert report.results[2].stored


async def test_a_file_that_cannot_be_read_is_the_callers_error(rig: Rig, token: str, tmp_path: Path) -> None:
    missing = [FILES[0], tmp_path / "missing.dcm"]
    async with radgate.aio.Client(rig.target, token) as client:
        with pytest.raises(FileNotFoundError):
            await client.store(missing)

    def use() -> None:
        with radgate.Client(rig.target, token) as client:
            client.store(missing)

    with pytest.raises(FileNotFoundError):
        await asyncio.to_thread(use)


async def test_an_iterable_that_fails_within_is_reported(rig: Rig, token: str) -> None:
    def failing() -> Iterator[bytes]:
        yield FILES[0]
        raise LookupError("no more")

    async with radgate.aio.Client(rig.target, token) as client:
        with pytest.raises(LookupError):
            await client.store(failing())
    assert held(rig) == [FILES[0]]


async def test_a_viewers_key_may_not(rig: Rig) -> None:
    async with radgate.aio.Client(rig.target, await rig.key("east")) as client:
        with pytest.raises(radgate.PermissionDeniedError):
            await client.store(FILES)
