"""One probe of a PACS: a health check, or, if there is no place for that, those at work there are."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from radgate_server.core.errors import PacsBusyError, PacsError, PacsTimeoutError
from radgate_server.core.pacs.health import Health, Liveness, health_by_liveness
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.lib.clock import Clock


@dataclass(frozen=True, slots=True)
class Finding:
    """What a probe found. `error` says why a PACS is down; `latency_ms` is None when no probe was answered."""

    health: Health
    error: PacsError | None = None
    latency_ms: float | None = None


class Prober:
    """Probes any PACS; one that says nothing for `timeout_s` seconds is down.

    `liveness_of` has what the work at a PACS reports of it, by tenant and name.
    """

    def __init__(self, liveness_of: Callable[[str, str], Liveness], timeout_s: float, clock: Clock) -> None:
        self._liveness_of = liveness_of
        self._timeout_s = timeout_s
        self._clock = clock

    async def probe(self, tenant_id: str, client: PacsClient) -> Finding:
        """Find out how the PACS is doing; UNKNOWN when nothing could be learnt."""
        asked_at_s = self._clock.monotonic_s()
        try:
            async with asyncio.timeout(self._timeout_s):
                report = await client.echo.echo()
        except TimeoutError:
            return self._silent(client)
        except PacsBusyError:
            return self._listen(tenant_id, client, asked_at_s)
        except PacsError as error:
            return Finding(Health.DOWN, error)
        return Finding(Health.UP, latency_ms=report.latency_ms)

    def _listen(self, tenant_id: str, client: PacsClient, asked_at_s: float) -> Finding:
        """There was no place: our own limits say nothing of the PACS, but those who hold the places may."""
        liveness = self._liveness_of(tenant_id, client.name)
        health = health_by_liveness(liveness, asked_at_s=asked_at_s, patience_s=self._timeout_s)
        return self._silent(client) if health is Health.DOWN else Finding(health)

    def _silent(self, client: PacsClient) -> Finding:
        error = PacsTimeoutError(f"no answer to a health check within {self._timeout_s:g} s", pacs=client.name)
        return Finding(Health.DOWN, error)
