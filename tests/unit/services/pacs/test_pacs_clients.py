import asyncio
from dataclasses import replace

import pytest

from radgate_server.core.access.tenancy import Tenant
from radgate_server.core.errors import ConfigurationError, PacsUnreachableError
from radgate_server.core.pacs.connections import FolderConnection, PacsConfig
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.pacs.validation import ValidationReport
from radgate_server.services.pacs import clients as pacs_clients
from radgate_server.services.pacs.clients import PacsClients
from tests.fakes.clock import START
from tests.fakes.directory import MemoryDirectory
from tests.fakes.memory_pacs import MemoryPacs


async def _directory(*names: str) -> MemoryDirectory:
    directory = MemoryDirectory()
    await directory.create_tenant(Tenant("east", START))
    for name in names:
        await directory.create_pacs(PacsConfig("east", name, FolderConnection("/unused"), START))
    return directory


async def test_a_pacs_whose_settings_cant_be_used_fails_alone_and_is_tried_again() -> None:
    broken = {"second"}

    def connect(config: PacsConfig) -> PacsClient:
        if config.name in broken:
            raise ConfigurationError("its certificate can't be read")
        return MemoryPacs(name=config.name).client

    clients = PacsClients(await _directory("first", "second"), {"folder": connect})
    first, second = await clients.of_tenant("east")
    assert (await first.echo.echo()).latency_ms >= 0
    with pytest.raises(PacsUnreachableError, match="certificate"):
        await second.echo.echo()
    broken.clear()
    await clients.refresh("east")
    assert (await clients.of_tenant("east"))[0] is first
    assert (await (await clients.of_tenant("east"))[1].echo.echo()).latency_ms >= 0
    await clients.close()


async def test_a_problem_is_logged_once_and_again_when_it_becomes_another(caplog: pytest.LogCaptureFixture) -> None:
    problems: list[Exception | None] = [ConfigurationError("no file")] * 3
    problems += [ConfigurationError("no key"), OverflowError(), OverflowError(), None, ConfigurationError("no key")]

    def connect(config: PacsConfig) -> PacsClient:
        if problem := problems.pop(0):
            raise problem
        return MemoryPacs(name=config.name).client

    directory = await _directory("main")
    clients = PacsClients(directory, {"folder": connect})
    while len(problems) > 1:
        await clients.refresh("east")
    await directory.delete_pacs("east", "main")
    await directory.create_pacs(PacsConfig("east", "main", FolderConnection("/other"), START))
    await clients.refresh("east")
    assert [message.partition(": ")[2] for message in caplog.messages] == [
        "no file",
        "no key",
        "the PACS can't be used because of a defect: see the log",
        "no key",
    ]
    await clients.close()


async def test_a_defect_with_one_pacs_is_not_the_end_of_the_others() -> None:
    def connect(config: PacsConfig) -> PacsClient:
        if config.name == "second":
            raise OverflowError("nobody thought of this")
        return MemoryPacs(name=config.name).client

    clients = PacsClients(await _directory("first", "second"), {"folder": connect})
    first, second = await clients.of_tenant("east")
    assert (await first.echo.echo()).latency_ms >= 0
    with pytest.raises(PacsUnreachableError, match="see the log"):
        await second.echo.echo()
    await clients.close()


async def test_a_pacs_that_is_slow_to_close_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacs_clients, "_CLOSE_WAIT_S", 0.01)
    opened, closed = asyncio.Event(), []

    async def close() -> None:
        await opened.wait()
        closed.append(True)

    directory = await _directory("main")
    clients = PacsClients(
        directory, {"folder": lambda config: replace(MemoryPacs(name=config.name).client, close=close)}
    )
    await clients.of_tenant("east")
    await directory.delete_pacs("east", "main")
    async with asyncio.timeout(60):
        await clients.refresh("east")
        await clients.refresh("west")
    assert not closed
    opened.set()
    await clients.close()
    assert closed == [True]


async def test_a_validation_report_makes_no_other_pacs() -> None:
    directory = await _directory("first", "second")
    clients = PacsClients(directory, {"folder": lambda config: MemoryPacs(name=config.name).client})
    await clients.of_tenant("east")
    first = (await directory.list_pacs("east"))[0]
    await directory.update_pacs(replace(first, validation=ValidationReport(START, ())))
    await clients.refresh("east")
    assert clients.generation("east") == 0
    await directory.update_pacs(replace(first, connection=FolderConnection("/elsewhere")))
    await clients.refresh("east")
    await clients.refresh("east")
    assert clients.generation("east") == 1
    await clients.close()
