"""What server and command line have in common of the edge: its grants, and its logs."""

import hmac
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from radgate_server.adapters.clock import SystemClock
from radgate_server.adapters.secrets.spool_cipher import SpoolCipher
from radgate_server.core.edge.ports import GrantCipher
from radgate_server.installation.opening import Secrets, open_installation
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.edge.log_import import EdgeLogImport
from radgate_server.settings.settings import Settings


def grant_cipher(secrets: Secrets) -> GrantCipher:
    """What seals grants: all servers of the installation open each other's."""
    return SpoolCipher(hmac.digest(secrets.peers, b"radgate edge grants 1", "sha256"))


@asynccontextmanager
async def open_edge_log_import(settings: Settings) -> AsyncIterator[EdgeLogImport]:
    """What takes logs of the edge, for the command line.

    Raises:
        ConfigurationError, DatabaseUnavailableError: as `open_installation`.
    """
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        installation = await open_installation(stack, settings, clock)
        audit = installation.audit
        cipher = grant_cipher(installation.secrets)
        yield EdgeLogImport(cipher, audit.imports, audit.sink, Auditor(audit.sink, clock), clock)
