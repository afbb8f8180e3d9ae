"""What each part of a running server is built on: what was opened first, and where it stores what it caches."""

import asyncio
import secrets
import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from radgate_server import __version__
from radgate_server.adapters.cache.memory.answers import MemoryHotCache
from radgate_server.adapters.cache.memory.instances import HotInstanceStore
from radgate_server.adapters.cache.redis.answers import open_redis_answers
from radgate_server.adapters.cache.redis.sealing import AnswerSealer
from radgate_server.adapters.cache.tenant_shares import TenantShares
from radgate_server.adapters.cache.warm.tier import DiskInstanceStore
from radgate_server.adapters.store.spool import DiskSpool
from radgate_server.adapters.telemetry import PrometheusTelemetry
from radgate_server.adapters.tls import WatchedTls
from radgate_server.core.cache.ports.keys import StudyKeys
from radgate_server.core.cache.ports.tiers import HotCache, InstanceStore, TenantTier
from radgate_server.core.quarantine.ports import Quarantine
from radgate_server.core.retention.ports.erasure import StudyTier
from radgate_server.core.servers.member import Member
from radgate_server.core.telemetry.tracing import Tracer
from radgate_server.installation.disk_tiers import DiskTiers, open_quarantine
from radgate_server.installation.opening import Installation
from radgate_server.lib.clock import Clock
from radgate_server.services.cache.shared_answers import SharedHotCache, SharingLimits
from radgate_server.services.cache.shared_states import SharedStates
from radgate_server.services.cache.tier_reports import TierReports
from radgate_server.services.quarantine.storing import QuarantineExpiry, QuarantineWriter
from radgate_server.services.servers.membership import Membership
from radgate_server.services.telemetry.readiness import Readiness
from radgate_server.settings.access import TlsPaths
from radgate_server.settings.settings import Settings
from radgate_server.settings.shared.table import MIB

if TYPE_CHECKING:
    from radgate_server.adapters.cache.packs.tier import PackTier

HOT_INSTANCE_ENTRY_BYTES = 4 * MIB  # larger ones come from disk, which the system keeps in memory too


class Runner(Protocol):
    """What works in the background from `start` to `close`; one that was never started may be closed too."""

    def start(self) -> None:
        """Work from now on."""
        ...

    async def close(self) -> None:
        """Work no more."""
        ...


class SlowRunner(Protocol):
    """A Runner that has something to read before it works."""

    async def start(self) -> None:
        """Read it, and work from now on."""
        ...

    async def close(self) -> None:
        """Work no more."""
        ...


@dataclass(frozen=True, slots=True)
class Foundation:
    """Settings, and what was opened first. `stack` closes what each part opens, the last one first.

    Parts add to `readiness` what serving needs of them. Without `background`, no runner is started: tests have them
    work when the test says so.
    """

    stack: AsyncExitStack
    settings: Settings
    clock: Clock
    telemetry: PrometheusTelemetry
    installation: Installation
    readiness: Readiness
    tracer: Tracer | None = None
    background: bool = True

    def run(self, *runners: Runner) -> None:
        """Let them work until the server ends."""
        for runner in runners:
            if self.background:
                runner.start()
            self.stack.push_async_callback(runner.close)

    async def run_slow(self, runner: SlowRunner) -> None:
        """Let it work until the server ends; it has read what it needs when this returns."""
        if self.background:
            await runner.start()
        self.stack.push_async_callback(runner.close)


@dataclass(frozen=True, slots=True)
class Tiers:
    """The cache tiers. `by_name` has what each is made of, as certificates of deletion name it.

    `answers` has the tiers on disk of what was made of instances, `derived` among them. `states` has what the PACS said
    of the studies that are cached. `shared_answers` is `hot` where servers share answers. `reports` is what they report
    of themselves.
    """

    hot: HotCache
    derived: HotCache
    store: InstanceStore
    states: HotCache
    by_name: Mapping[str, StudyTier]
    answers: Mapping[str, TenantTier[None]]
    reports: TierReports
    packs: "PackTier | None" = None
    shared_answers: SharedHotCache | None = None


async def open_tiers(base: Foundation) -> Tiers:
    """Open memory and disk; what is on the disk from before is there at once."""
    settings, clock, telemetry = base.settings, base.clock, base.telemetry
    cache, keys = settings.cache, base.installation.retention.study_keys
    shares = TenantShares(cache.tenant_shares)
    memory = MemoryHotCache(
        limit_bytes=cache.hot_bytes,
        entry_limit_bytes=cache.hot_entry_bytes,
        clock=clock,
        telemetry=telemetry,
        shares=shares,
    )
    shared = _open_shared(base, memory, keys)
    hot = shared or memory
    on_disk = DiskTiers(base.stack, settings, keys, clock, telemetry)
    disk = await on_disk.warm()
    chain, packs = await _with_packs(base, disk)
    store = HotInstanceStore(
        chain,
        limit_bytes=cache.hot_instance_bytes,
        entry_limit_bytes=HOT_INSTANCE_ENTRY_BYTES,
        telemetry=telemetry,
        shares=shares,
    )
    answers = await on_disk.answers()
    derived = answers["derived"]
    states: HotCache = await on_disk.states()
    telemetry.watch_cache("derived", lambda: derived.used_bytes, settings.imaging.derived_bytes)
    telemetry.watch_cache("hot", lambda: memory.used_bytes, cache.hot_bytes)
    telemetry.watch_cache("hot-instances", lambda: store.used_bytes, cache.hot_instance_bytes)
    telemetry.watch_cache("warm", lambda: disk.used_bytes, cache.warm_bytes)
    by_name: dict[str, StudyTier] = {"hot": hot, "hot-instances": store, "warm": disk, **answers}
    if packs is not None:
        states = SharedStates(states, packs, tuple(by_name.values()))
        by_name["s3"] = packs
    ages = {"warm": disk.ages} if packs is None else {"warm": disk.ages, "s3": packs.ages}
    usages = (
        memory.usage,
        *(() if shared is None else (shared.shared_usage,)),
        store.memory_usage,
        disk.usage,
        *(() if packs is None else (packs.usage,)),
        *(tier.usage for tier in answers.values()),
    )
    reports = TierReports(usages, clock, ages, {} if shared is None else {"redis": shared.store_usage})
    return Tiers(hot, derived, store, states, by_name, answers, reports, packs, shared)


async def _with_packs(base: Foundation, disk: DiskInstanceStore) -> tuple[InstanceStore, "PackTier | None"]:
    """The local disk, and behind it the object store if one is configured; its library is imported then alone."""
    keys = base.installation.retention.study_keys
    if not base.settings.cache.s3.bucket or keys is None:
        return disk, None
    from radgate_server.app.packs import open_packs

    return await open_packs(base, disk, keys)


def _open_shared(base: Foundation, memory: MemoryHotCache, keys: StudyKeys | None) -> SharedHotCache | None:
    """The memory with what servers share behind it; None where nothing is shared.

    Raises:
        ConfigurationError: Redis is asked for and can't be used.
    """
    redis = base.settings.cache.redis
    if keys is None or not (url := redis.url.get_secret_value()):
        return None
    sealer = AnswerSealer(base.installation.secrets.box, keys)
    answers = open_redis_answers(url, sealer, timeout_s=redis.timeout_s)
    shared = SharedHotCache(
        memory, answers, base.clock, base.telemetry, SharingLimits(entry_bytes=redis.entry_bytes, ttl_s=redis.ttl_s)
    )
    base.stack.push_async_callback(shared.close)
    base.readiness.add("redis", shared.problem, advisory=True)
    return shared


@dataclass(frozen=True, slots=True)
class QuarantineSide:
    """What is stored, and what stores it; erasures go by way of the `writer`."""

    stored: Quarantine
    writer: QuarantineWriter


async def start_quarantine(base: Foundation, stored: Quarantine | None = None) -> QuarantineSide:
    """Store what is refused and delete what is old from now on. `stored` stands in for the folder.

    Raises:
        ConfigurationError: the key file can't be used.
    """
    if stored is None:
        keys = base.installation.retention.study_keys
        stored = await asyncio.to_thread(open_quarantine, base.settings, keys, base.clock)
    writer = QuarantineWriter(stored, base.settings.quarantine.limits, base.telemetry)
    base.run(writer, QuarantineExpiry(stored))
    return QuarantineSide(stored, writer)


def open_spool(settings: Settings, memory_bytes: int) -> DiskSpool:
    """The sealed folder below data_dir that all have in common; so much of what is in transit stays in memory."""
    return DiskSpool(settings.process_dir / "spool", memory_bytes=memory_bytes).open()


def open_tls(base: Foundation, paths: TlsPaths | None) -> WatchedTls | None:
    """Read the certificate, and follow its files from now on; None without paths.

    Raises:
        ConfigurationError: it is not usable.
    """
    if paths is None:
        return None
    tls = WatchedTls(paths)
    tls.start()
    base.stack.push_async_callback(tls.close)
    return tls


async def join_servers(base: Foundation, address: str = "") -> Membership:
    """Announce this server to the others of its database: before its first call, so that it keeps to its share.

    They ask it for studies at `address`, unless it is "".

    Raises:
        DatabaseUnavailableError: the database can't be reached.
    """
    name, title = socket.gethostname(), base.settings.dicom_aet
    listens = base.settings.dicom_listens
    own = Member(secrets.token_hex(16), name, __version__, title, base.clock.now(), address, listens)
    membership = Membership(own, base.installation.directories.members)
    base.readiness.add("servers", membership.problem, advisory=True)
    if base.background:
        await membership.look()
    base.run(membership)
    return membership
