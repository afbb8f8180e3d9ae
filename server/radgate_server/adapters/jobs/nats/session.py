"""One connection to NATS, with the streams and the consumer of an installation."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

ACK_WAIT_S = 30.0
"""A notice that has not been acknowledged by then is delivered again."""
MAX_DELIVERIES = 4
REDELIVERY_DELAYS_S = (1.0, 5.0, 20.0)
"""After so long a notice is delivered again whose receiver could not search the store."""
FETCH_S = 2.0
"""After so long without a notice the consumer is looked at."""

_MAX_NOTICES = 100_000
_NOTICE_AGE_S = 3600.0
_MAX_DEAD_LETTERS = 10_000
_DEAD_LETTER_AGE_S = 7 * 24 * 3600.0
_CONSUMER = "radgate-workers"


@dataclass(frozen=True, slots=True)
class StreamSetup:
    """The name of the stream, which tells installations apart, and on how many NATS servers it lies."""

    stream: str = "RADGATE_JOBS"
    replicas: int = 1


class NatsSession:
    """`open` first. Whatever fails is raised as ConnectionError: close the session then, and open another.

    `client` is a connected nats.aio.client.Client.
    """

    def __init__(self, client: Any, setup: StreamSetup) -> None:
        self._client = client
        self._setup = setup
        self._jetstream = client.jetstream()
        self._subscription: Any = None
        self._api: Any = import_module("nats.js.api")
        self._missing: Any = import_module("nats.js.errors").NotFoundError
        self._silences = 0

    @property
    def usable(self) -> bool:
        """Whether the connection is up."""
        return bool(self._client.is_connected)

    async def open(self) -> None:
        """Make the streams and the consumer where they are missing."""
        with _as_lost():
            await self._make_stream(
                self._setup.stream, f"{self._setup.stream}.due", _MAX_NOTICES, _NOTICE_AGE_S, queue=True
            )
            await self._make_stream(
                f"{self._setup.stream}_DEAD", f"{self._setup.stream}.dead", _MAX_DEAD_LETTERS, _DEAD_LETTER_AGE_S
            )
            await self._make_consumer()

    async def send(self, kind: str, content: bytes) -> None:
        """Send a notice ("due") or a dead letter ("dead"); returns when its stream has it."""
        with _as_lost():
            await self._jetstream.publish(f"{self._setup.stream}.{kind}", content, timeout=2)

    async def next(self) -> Any:
        """The next notice (nats.aio.msg.Msg), None after FETCH_S without one. A consumer that is missing is made."""
        with _as_lost():
            try:
                (message,) = await self._subscription.fetch(1, timeout=FETCH_S)
            except TimeoutError:  # nats.errors.TimeoutError is one
                await self._look_at_consumer()
                return None
            self._silences = 0
            return message

    async def close(self) -> None:
        """Close the connection."""
        with suppress(ConnectionError), _as_lost():
            await self._client.close()

    async def _look_at_consumer(self) -> None:
        """Make it again when it is missing, or had twice nothing to say although notices wait."""
        try:
            info = await self._jetstream.consumer_info(self._setup.stream, _CONSUMER)
        except self._missing:
            await self.open()
            return
        self._silences = self._silences + 1 if info.num_pending else 0
        if self._silences > 1:
            self._silences = 0
            await self._jetstream.delete_consumer(self._setup.stream, _CONSUMER)
            await self._make_consumer()

    async def _make_stream(self, name: str, subject: str, messages: int, age_s: float, *, queue: bool = False) -> None:
        try:
            await self._jetstream.stream_info(name)
        except self._missing:
            retention = self._api.RetentionPolicy
            await self._jetstream.add_stream(
                name=name,
                subjects=[subject],
                retention=retention.WORK_QUEUE if queue else retention.LIMITS,
                discard=self._api.DiscardPolicy.OLD,
                max_msgs=messages,
                max_age=age_s,
                num_replicas=self._setup.replicas,
            )

    async def _make_consumer(self) -> None:
        """Make the consumer, or bring it up to date, and listen to it."""
        await self._jetstream.add_consumer(
            self._setup.stream,
            durable_name=_CONSUMER,
            ack_policy=self._api.AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT_S,
            max_deliver=MAX_DELIVERIES,
            filter_subject=f"{self._setup.stream}.due",
        )
        if self._subscription is not None:
            await self._subscription.unsubscribe()
        self._subscription = await self._jetstream.pull_subscribe_bind(_CONSUMER, self._setup.stream)


@contextmanager
def _as_lost() -> Iterator[None]:
    """Raise whatever fails as ConnectionError."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - nats-py raises what its transport and its parser do
        raise ConnectionError(f"NATS does not do its work ({type(error).__name__})") from None
