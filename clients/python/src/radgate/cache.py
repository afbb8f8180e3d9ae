"""What the server caches of the tenant's studies, for ordinary code and for asyncio."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration

from radgate.v1 import admin_service_pb2 as messages
from radgate.v1.admin_service_pb2_grpc import AdminServiceStub

type Call = Callable[[Callable[..., Any], object], Any]
"""Makes a unary call of a client."""


class Cache:
    """The cached data of the tenant."""

    def __init__(self, channel: grpc.Channel, call: Call) -> None:
        self._stub: Any = AdminServiceStub(channel)  # type: ignore[no-untyped-call]
        self._call = call

    def stats(self, *, days: int = 0) -> messages.GetCacheStatsResponse:
        """The tiers of the server that answers, and the history of all servers for so many days; 0 means 30."""
        stats: messages.GetCacheStatsResponse = self._call(
            self._stub.GetCacheStats, messages.GetCacheStatsRequest(days=days)
        )
        return stats

    def invalidate(
        self,
        study_instance_uid: str = "",
        series_instance_uid: str = "",
        sop_instance_uid: str = "",
        *,
        pacs: str = "",
        older_than: timedelta | None = None,
        dry_run: bool = False,
    ) -> int:
        """Throw away what is cached and matches all that is given, at all servers; nothing given: all of the tenant.

        Returns how many instances the server that answers had; with `dry_run` they stay. Needs the role operator.
        """
        scope = (study_instance_uid, series_instance_uid, sop_instance_uid)
        request = invalidate_request(scope, pacs, older_than, dry_run=dry_run)
        return _removed(self._call(self._stub.InvalidateCache, request))


class AsyncCache:
    """The same for asyncio."""

    def __init__(self, channel: grpc.aio.Channel, call: Call) -> None:
        self._stub: Any = AdminServiceStub(channel)  # type: ignore[no-untyped-call]
        self._call = call

    async def stats(self, *, days: int = 0) -> messages.GetCacheStatsResponse:
        """The tiers of the server that answers, and the history of all servers for so many days; 0 means 30."""
        stats: messages.GetCacheStatsResponse = await self._call(
            self._stub.GetCacheStats, messages.GetCacheStatsRequest(days=days)
        )
        return stats

    async def invalidate(
        self,
        study_instance_uid: str = "",
        series_instance_uid: str = "",
        sop_instance_uid: str = "",
        *,
        pacs: str = "",
        older_than: timedelta | None = None,
        dry_run: bool = False,
    ) -> int:
        """Throw away what is cached and matches all that is given, at all servers; nothing given: all of the tenant.

        Returns how many instances the server that answers had; with `dry_run` they stay. Needs the role operator.
        """
        scope = (study_instance_uid, series_instance_uid, sop_instance_uid)
        request = invalidate_request(scope, pacs, older_than, dry_run=dry_run)
        return _removed(await self._call(self._stub.InvalidateCache, request))


def invalidate_request(
    scope: tuple[str, str, str], pacs: str, older_than: timedelta | None, *, dry_run: bool
) -> messages.InvalidateCacheRequest:
    """Ask for an invalidation; `scope` has study, series and instance."""
    study, series, instance = scope
    request = messages.InvalidateCacheRequest(
        study_instance_uid=study, series_instance_uid=series, sop_instance_uid=instance, pacs=pacs, dry_run=dry_run
    )
    if older_than is not None:
        age = Duration()
        age.FromTimedelta(older_than)
        request.older_than.CopyFrom(age)
    return request


def _removed(response: Any) -> int:
    removed: int = response.instances_removed
    return removed
