"""Notices of one more process, on a real NATS."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from radgate_server.adapters.jobs.nats import NatsAccess, NatsJobNotices, StreamSetup, open_nats_notices
from tests.integration.nats_server import NatsServer
from tests.integration.waiting import until


@asynccontextmanager
async def connected_notices(
    server: NatsServer, stream: str, counted: Callable[[str], None] = lambda _: None
) -> AsyncIterator[NatsJobNotices]:
    """Connected; each `stream` is an installation of its own."""
    notices = open_nats_notices(NatsAccess(url=server.url), StreamSetup(stream), counted)
    try:
        notices.start()
        await until(lambda: notices.connected)
        yield notices
    finally:
        await notices.close()
