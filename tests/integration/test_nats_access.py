"""Who is let in by NATS, and whom we let be NATS: passwords, TLS on both sides, credentials with few rights."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from radgate_server.adapters.jobs.nats import NatsAccess, NatsJobNotices, StreamSetup, open_nats_notices
from radgate_server.core.errors import ConfigurationError
from tests.conformance.job_notices_suite import POISON
from tests.integration.certificates import write_certificate
from tests.integration.nats_account import make_account
from tests.integration.nats_server import running_nats
from tests.integration.waiting import until

DOCUMENTED_RIGHTS = {"publishes": ["RADGATE_JOBS.>", "$JS.API.>", "$JS.ACK.>"], "subscribes": ["_INBOX.>"]}
"""As docs/operations/nats.md lists them."""

type Open = Callable[[NatsAccess], NatsJobNotices]


@pytest.fixture
async def open_one() -> AsyncIterator[Open]:
    """Opens notices, which begin to connect."""
    async with AsyncExitStack() as stack:

        def open_one(access: NatsAccess) -> NatsJobNotices:
            notices = open_nats_notices(access, StreamSetup(), lambda _: None)
            stack.push_async_callback(notices.close)
            notices.start()
            return notices

        yield open_one


async def works(notices: NatsJobNotices) -> None:
    """Connected, a notice arrives, is acknowledged, and another comes again after it was refused."""
    await until(lambda: notices.connected)
    notices.bury(POISON)
    for _ in range(2):
        notices.announce("job")
    async with asyncio.timeout(60):
        async with notices.receive():
            assert notices.connected
        with pytest.raises(ZeroDivisionError):
            async with notices.receive():
                raise ZeroDivisionError
        async with notices.receive():
            assert notices.connected


async def refused(notices: NatsJobNotices, log: pytest.LogCaptureFixture) -> None:
    """An attempt to connect has failed."""
    log.clear()
    await until(lambda: "NATS can't be used" in log.text)
    assert not notices.connected


async def test_a_password(tmp_path: Path, open_one: Open, caplog: pytest.LogCaptureFixture) -> None:
    with running_nats(tmp_path / "nats", ("--user", "radgate", "--pass", "secret")) as server:
        await works(open_one(NatsAccess(url=server.url.replace("//", "//radgate:secret@"))))
        await refused(open_one(NatsAccess(url=server.url.replace("//", "//radgate:wrong@"))), caplog)
    assert "wrong" not in caplog.text


async def test_tls_on_both_sides(tmp_path: Path, open_one: Open, caplog: pytest.LogCaptureFixture) -> None:
    (server_file, server_key), (file, key), (other, _) = (
        write_certificate(tmp_path, name) for name in ("nats", "radgate", "other")
    )
    options = ("--tls", "--tlscert", server_file, "--tlskey", server_key, "--tlsverify", "--tlscacert", file)
    with running_nats(tmp_path / "nats", tuple(map(str, options))) as server:
        url = server.url.replace("nats://", "tls://")
        ours = {"certificate_file": str(file), "key_file": str(key)}
        await works(open_one(NatsAccess(url=url, ca_file=str(server_file), **ours)))
        await refused(open_one(NatsAccess(url=url, ca_file=str(server_file))), caplog)
        await refused(open_one(NatsAccess(url=url, ca_file=str(other), **ours)), caplog)


async def test_credentials_with_the_rights_that_are_documented(
    tmp_path: Path, open_one: Open, caplog: pytest.LogCaptureFixture
) -> None:
    account = make_account(tmp_path, **DOCUMENTED_RIGHTS)
    with running_nats(tmp_path / "nats", account.options) as server:
        await works(open_one(NatsAccess(url=server.url, credentials_file=str(account.credentials_file))))
        await refused(open_one(NatsAccess(url=server.url)), caplog)


@pytest.mark.parametrize("setting", ["ca_file", "credentials_file"])
def test_files_that_are_not_usable_are_named(setting: str, tmp_path: Path) -> None:
    access = NatsAccess(url="tls://127.0.0.1:1", **{setting: str(tmp_path / "none")})
    with pytest.raises(ConfigurationError, match=r"jobs\.nats"):
        open_nats_notices(access, StreamSetup(), lambda _: None)
