"""Which servers there are, for the command line."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from radgate_server.adapters.clock import SystemClock
from radgate_server.core.servers.member import MemberRegistry
from radgate_server.installation.opening import open_installation
from radgate_server.settings.settings import Settings


@asynccontextmanager
async def open_members(settings: Settings) -> AsyncIterator[MemberRegistry]:
    """Open the installation. Raises ConfigurationError, DatabaseUnavailableError as `open_installation`."""
    async with AsyncExitStack() as stack:
        installation = await open_installation(stack, settings, SystemClock())
        yield installation.directories.members
