"""Refused instances in a running server."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass

from radgate_server.adapters.telemetry import PrometheusTelemetry
from radgate_server.core.cache.ports.keys import StudyKeys
from radgate_server.core.quarantine.ports import Quarantine
from radgate_server.installation.quarantine import open_quarantine
from radgate_server.lib.clock import Clock
from radgate_server.services.quarantine.storing import QuarantineExpiry, QuarantineWriter
from radgate_server.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class QuarantineSide:
    """What is stored, and what stores it; erasures go by way of the `writer`."""

    stored: Quarantine
    writer: QuarantineWriter


async def start_quarantine(
    stack: AsyncExitStack, settings: Settings, keys: StudyKeys | None, clock: Clock, telemetry: PrometheusTelemetry
) -> QuarantineSide:
    """Store what is refused and delete what is old from now on; `stack` ends it.

    Raises:
        ConfigurationError: the key file can't be used.
    """
    stored = await asyncio.to_thread(open_quarantine, settings, keys, clock)
    writer = QuarantineWriter(stored, settings.quarantine.limits, telemetry)
    for runner in (writer, QuarantineExpiry(stored)):
        runner.start()
        stack.push_async_callback(runner.close)
    return QuarantineSide(stored, writer)
