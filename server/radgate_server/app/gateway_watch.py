"""Looking every few seconds at what the gateway answers by itself, for metrics."""

from collections.abc import Awaitable, Callable

from radgate_server.core.gateway.answers import GatewayAnswers
from radgate_server.services.repeating import Repeating

_INTERVAL_S = 5.0


class GatewayWatch(Repeating):
    """`ask` says what was answered, or raises OSError while the gateway can't say; `tell` is told of it."""

    def __init__(self, ask: Callable[[], Awaitable[GatewayAnswers]], tell: Callable[[GatewayAnswers], None]) -> None:
        super().__init__("gateway-watch", interval_s=_INTERVAL_S, trouble="the gateway's answers can't be counted")
        self._ask = ask
        self._tell = tell

    async def look(self) -> None:
        """Count once; while Envoy starts again, which readiness and the log say, the last counts stand."""
        try:
            self._tell(await self._ask())
        except OSError:
            return
