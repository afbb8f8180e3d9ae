"""The tier of packs in an object store, where one is configured."""

import asyncio
import hmac
import logging
from datetime import timedelta
from functools import partial

from radgate_server.adapters.cache.disk.sealed_bytes import SealedForm
from radgate_server.adapters.cache.packs.care import PackCare
from radgate_server.adapters.cache.packs.chain import ChainedInstanceStore
from radgate_server.adapters.cache.packs.object_store import ObjectsAwayError, ObjectStore
from radgate_server.adapters.cache.packs.tier import PackParts, PackTier
from radgate_server.adapters.cache.packs.writer import PackWriter
from radgate_server.adapters.cache.tenant_shares import TenantShares
from radgate_server.adapters.cache.warm.tier import DiskInstanceStore
from radgate_server.adapters.secrets.object_names import object_name_key
from radgate_server.app.foundation import Foundation
from radgate_server.core.cache.ports.keys import StudyKeys

_log = logging.getLogger(__name__)

_INSTALLATION = b"radgate installation"


async def open_packs(
    base: Foundation, disk: DiskInstanceStore, keys: StudyKeys
) -> tuple[ChainedInstanceStore, PackTier]:
    """Put packs behind the local disk.

    Raises:
        ConfigurationError: the bucket is not there or may not be used, or a setting is unusable.
    """
    settings, telemetry = base.settings.cache.s3, base.telemetry
    name_key = await asyncio.to_thread(object_name_key, base.settings.data_dir)
    installation = hmac.digest(name_key, _INSTALLATION, "sha256").hex()[:20]
    objects = await asyncio.to_thread(ObjectStore, settings, installation, telemetry)
    try:
        await objects.check()
    except ObjectsAwayError:
        _log.warning("the object store of cache.s3 does not answer; it is left out until it does")
    index = base.installation.directories.packs
    tier = PackTier(PackParts(objects, index, disk, SealedForm(keys), base.clock, telemetry), settings.limit_bytes)
    base.stack.push_async_callback(tier.close)
    writer = PackWriter(tier, name_key, pack_bytes=settings.pack_bytes, pause_s=settings.pause_s)
    shares = TenantShares(base.settings.cache.tenant_shares)
    base.run(writer, PackCare(tier, shares, timedelta(days=settings.max_age_days)))
    base.readiness.add("s3", partial(_problem, objects), advisory=True)
    telemetry.watch_cache("s3", lambda: tier.used_bytes, settings.limit_bytes)
    return ChainedInstanceStore(disk, tier, writer), tier


async def _problem(objects: ObjectStore) -> str:
    return (
        "" if objects.usable else "the object store of cache.s3 does not answer; studies come from the PACS meanwhile"
    )
