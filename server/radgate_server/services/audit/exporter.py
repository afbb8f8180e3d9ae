"""Sends the audit trail to one receiver, in the background: each tenant's chain in order, each record at least once."""

import asyncio
import secrets

from radgate_server.core.audit.export.checkpoint import checkpoint_record
from radgate_server.core.audit.ports.export import Backlog, ExportPositions, ExportTelemetry, RecordReceiver
from radgate_server.core.audit.ports.trail import AuditTrail
from radgate_server.core.errors import GatewayError
from radgate_server.lib.clock import Clock
from radgate_server.services.repeating import Repeating, Sleep

BATCH_RECORDS = 200
HELD_S = 60.0
"""Of several servers on one database one sends; when it is heard of no more for so long, another one goes on."""
LONGEST_WAIT_S = 60.0


class AuditExporter(Repeating):
    """Every `interval_s` seconds, more seldom while the receiver fails. `sleep` is asyncio.sleep, or a test's."""

    def __init__(
        self,
        positions: ExportPositions,
        trail: AuditTrail,
        receiver: RecordReceiver,
        clock: Clock,
        telemetry: ExportTelemetry,
        *,
        interval_s: float,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        super().__init__(
            f"audit-export-{receiver.name}",
            interval_s=interval_s,
            trouble=f"the audit trail can't be exported to {receiver.name}",
            longest_wait_s=LONGEST_WAIT_S,
            sleep=sleep,
        )
        self._positions = positions
        self._trail = trail
        self._receiver = receiver
        self._clock = clock
        self._telemetry = telemetry
        self._holder = secrets.token_hex(8)
        self._checkpoints: dict[str, bytes] = {}

    async def close(self) -> None:
        """Send no more. What was in progress is sent again by the next sender."""
        await super().close()
        await self._receiver.close()

    async def look(self) -> None:
        """Send all that the receiver lacks, a batch for each tenant in turn, and each tenant's newest checkpoint.

        Raises:
            NotDeliveredError: the receiver does not take it now.
            DatabaseUnavailableError: it can't be read what to send, or remembered what was sent.
        """
        try:
            await self._send_all()
        except GatewayError:
            self._telemetry.export_failed(self._receiver.name)
            raise
        self._telemetry.export_lag(self._receiver.name, 0)

    async def _send_all(self) -> None:
        has_more = True
        while has_more:
            has_more = False
            for backlog in await self._positions.backlogs(self._receiver.name):
                has_more = await self._claim() and (await self._send(backlog) or has_more)
        if await self._claim():
            await self._send_checkpoints()

    async def _send_checkpoints(self) -> None:
        """Send those that are newer than what this server sent; after a start all once more, which does no harm.

        A newer one vouches for all that an older one does, so none is sent that another has followed meanwhile.
        """
        for checkpoint in await self._trail.last_checkpoints():
            if self._checkpoints.get(checkpoint.tenant_id) != checkpoint.own_hash:
                await self._receiver.send([checkpoint_record(checkpoint)])
                self._checkpoints[checkpoint.tenant_id] = checkpoint.own_hash

    async def _claim(self) -> bool:
        now_s = self._clock.now().timestamp()
        return await self._positions.claim(self._receiver.name, self._holder, now_s, now_s + HELD_S)

    async def _send(self, backlog: Backlog) -> bool:
        """Send a batch; False when there is nothing of the tenant to be sent."""
        records = await self._positions.following(backlog, BATCH_RECORDS)
        if not records:
            return False
        name = self._receiver.name
        self._telemetry.export_lag(name, max(0.0, self._clock.now().timestamp() - records[0].time_us / 1e6))
        await self._receiver.send(records)
        await self._positions.advance(name, backlog.tenant_id, records[-1])
        self._telemetry.exported(name, len(records))
        return True
