"""Limits that servers share by Redis."""

import hashlib
import secrets
from collections.abc import Sequence
from importlib import import_module
from importlib.resources import files
from typing import Any

from radgate_server.core.errors import ConfigurationError
from radgate_server.core.limits.model import LimitSubject
from radgate_server.core.limits.ports import SharedState, SharedUse

GONE_S = 5.0
"""A server that says nothing for so long runs nothing, and its slots are free."""

_TIMEOUT_S = 1.0
_PREFIX = "radgate:limits:"


class RedisMeters:
    """SharedMeters in one hash for each subject, which one script settles in one step (exchange.lua).

    `client` is a redis.asyncio.Redis, `failures` what it raises when it can't be reached or refuses.
    """

    def __init__(self, client: Any, failures: tuple[type[Exception], ...]) -> None:
        self._client = client
        self._failures = failures
        self._server = secrets.token_hex(8)
        script = files(__package__).joinpath("exchange.lua").read_text("utf-8")
        self._script = client.register_script(script)

    async def exchange(self, uses: Sequence[SharedUse]) -> Sequence[SharedState]:
        """Report these in one round trip; the state of each. Raises ConnectionError."""
        try:
            async with self._client.pipeline(transaction=False) as pipe:
                for use in uses:
                    await self._script(keys=(_key(use.subject),), args=(self._server, *use[1:], GONE_S), client=pipe)
                answers = await pipe.execute()
        except self._failures as error:
            raise ConnectionError(f"Redis does not do its work ({type(error).__name__})") from None
        return [SharedState(float(requests), float(size), int(granted)) for requests, size, granted in answers]

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def open_redis_meters(url: str) -> RedisMeters:
    """Get ready to share by the Redis of that URL; it need not be there yet.

    Raises:
        ConfigurationError: the package redis is not installed, or the URL is none.
    """
    try:
        redis: Any = import_module("redis.asyncio")
        failures: Any = import_module("redis.exceptions")
    except ImportError:
        raise ConfigurationError(
            "limits.redis_url needs the package redis: install the extra redis, as docs/installing.md has it"
        ) from None
    try:
        client = redis.from_url(url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S)
    except ValueError:
        raise ConfigurationError("limits.redis_url: must look like redis://host:6379/0, rediss:// for TLS") from None
    return RedisMeters(client, (failures.RedisError, OSError, TimeoutError))


def _key(subject: LimitSubject) -> str:
    """The subject's key; of a principal a hash, since its name may be a person's."""
    digest = hashlib.sha256(subject.key_id.encode()).hexdigest()[:32] if subject.key_id else ""
    return f"{_PREFIX}{subject.tenant_id}:{digest}"
