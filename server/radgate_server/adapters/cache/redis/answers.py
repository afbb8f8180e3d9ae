"""SharedAnswers in Redis, reached from a few threads: neither its sockets nor the ciphers hold up the event loop."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from typing import Any

from radgate_server.adapters.cache.redis.sealing import AnswerSealer
from radgate_server.core.cache.ports.shared import (
    DamagedAnswerError,
    FoundAnswer,
    SharedAnswer,
    SharedTierError,
    SharedTierFullError,
    StoreUsage,
)
from radgate_server.core.cache.ports.tiers import CacheKey
from radgate_server.core.errors import ConfigurationError, GatewayError

THREADS = 8
_READ_BYTES = 1 << 20
"""At once from the socket. By redis-py's default of 64 KiB half a megabyte takes three times as much processor time."""


class RedisAnswers:
    """SharedAnswers. `client` is a redis.Redis, `failures` what it raises when it can't be reached or refuses.

    `full` is what it raises when it has no room. No request waits longer than `timeout_s` for Redis.
    """

    def __init__(
        self,
        client: Any,
        failures: tuple[type[Exception], ...],
        full: type[Exception],
        sealer: AnswerSealer,
        *,
        timeout_s: float,
    ) -> None:
        self._client = client
        self._failures = failures
        self._full = full
        self._sealer = sealer
        self._timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="redis")

    async def get(self, key: CacheKey) -> FoundAnswer | None:
        """The answer, None when there is none or its key was erased or is unavailable."""
        name, sealed, left_ms = await self._ask(partial(self._read, key))
        if sealed is None or left_ms <= 0:
            return None
        try:
            opened = await self._in_thread(partial(self._sealer.open, key, name, sealed))
        except DamagedAnswerError:
            await self._ask(partial(self._client.delete, name))
            raise
        except (GatewayError, TimeoutError):
            return None
        if opened is None:
            return None
        answer, ttl_s = opened
        left_s = left_ms / 1000
        return FoundAnswer(answer, max(0.0, ttl_s - left_s), left_s)

    async def put(self, key: CacheKey, answer: SharedAnswer, ttl_s: float) -> None:
        """Share the answer unless its study has no key, or that is unavailable."""
        name = self._sealer.name(key)
        try:
            sealed = await self._in_thread(partial(self._sealer.seal, key, name, answer, ttl_s))
        except (GatewayError, TimeoutError):
            return
        if sealed is not None:
            await self._ask(partial(self._client.set, name, sealed, px=max(1, round(ttl_s * 1000))))

    async def remove(self, key: CacheKey) -> None:
        """Share it no more."""
        await self._ask(partial(self._client.delete, self._sealer.name(key)))

    async def store_usage(self) -> StoreUsage:
        """What Redis reports by INFO: of all its databases and users. No key is looked at."""
        return store_usage_of(await self._ask(self._info))

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._threads.shutdown(cancel_futures=True)
        self._client.close()

    def _read(self, key: CacheKey) -> tuple[str, bytes | None, int]:
        """Its name, what lies there, and for how many milliseconds more.

        Making the name lets go of the interpreter's lock: the event loop would wait for it behind these threads.
        """
        name = self._sealer.name(key)
        with self._client.pipeline(transaction=False) as pipe:
            pipe.get(name)
            pipe.pttl(name)
            sealed, left_ms = pipe.execute()
        return name, sealed, left_ms

    def _info(self) -> Mapping[str, Any]:
        return {**self._client.info("memory"), **self._client.info("stats"), **self._client.info("keyspace")}

    async def _ask[Answer](self, command: Callable[[], Answer]) -> Answer:
        answer = self._in_thread(command)
        try:
            await asyncio.wait((answer,), timeout=self._timeout_s)
            if not answer.done():
                raise SharedTierError("Redis does not answer in time")
            return answer.result()
        except self._full:
            raise SharedTierFullError from None
        except self._failures as error:
            raise SharedTierError(f"Redis does not do its work ({type(error).__name__})") from None
        finally:
            answer.cancel()  # does nothing to one that is done; one that waits for a thread need not begin

    def _in_thread[Answer](self, work: Callable[[], Answer]) -> asyncio.Future[Answer]:
        return asyncio.get_running_loop().run_in_executor(self._threads, work)


def store_usage_of(info: Mapping[str, Any]) -> StoreUsage:
    """Read the sections memory, stats and keyspace of INFO."""
    entries = sum(found["keys"] for name, found in info.items() if name.startswith("db") and isinstance(found, Mapping))
    return StoreUsage(info["used_memory"], info.get("maxmemory", 0), entries, info["evicted_keys"])


def open_redis_answers(url: str, sealer: AnswerSealer, *, timeout_s: float) -> RedisAnswers:
    """Get ready to share by the Redis of that URL; it need not be there yet.

    Raises:
        ConfigurationError: the package redis is not installed, or the URL is none.
    """
    try:
        redis: Any = import_module("redis")
        errors: Any = import_module("redis.exceptions")
        backoff: Any = import_module("redis.backoff")
        retry: Any = import_module("redis.retry")
    except ImportError:
        raise ConfigurationError(
            "cache.redis.url needs the package redis: install the extra redis, as docs/installing.md has it"
        ) from None
    # Once more, at once, for a connection that Redis has closed since; a time-out is not tried again.
    again = retry.Retry(backoff.NoBackoff(), 1, (errors.ConnectionError,))
    try:
        client = redis.Redis.from_url(
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            max_connections=THREADS,
            socket_read_size=_READ_BYTES,
            retry=again,
        )
    except ValueError:
        raise ConfigurationError("cache.redis.url: must look like redis://host:6379/0, rediss:// for TLS") from None
    failures = (errors.RedisError, OSError)
    return RedisAnswers(client, failures, errors.OutOfMemoryError, sealer, timeout_s=timeout_s)
