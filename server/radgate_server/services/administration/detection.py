"""Find out what a host speaks."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from radgate_server.core.errors import GatewayError, PacsError
from radgate_server.core.networks import Address
from radgate_server.core.pacs.connections import PacsConnection
from radgate_server.core.pacs.detection import (
    DetectionReport,
    Finding,
    check_target,
    continues_after,
    ladders,
    ports_of,
    report_of,
)
from radgate_server.core.pacs.kinds.kind import DetectTarget, Ladder
from radgate_server.core.pacs.ports import PacsFactory
from radgate_server.lib.clock import Clock
from radgate_server.services.administration.addresses import AddressPolicy
from radgate_server.services.administration.probe import Dial, Prober, dial
from radgate_server.settings.settings import Settings

_MAX_ADDRESSES = 4
_RESERVE_S = 0.5  # of the total, to release what is still being asked


@dataclass(frozen=True, slots=True)
class DetectLimits:
    """Seconds that one question may take, and all together; how many candidates are asked at the same time."""

    deadline_s: float = 3.0
    total_s: float = 6.5
    parallel: int = 16


def impatient(settings: Settings, limits: DetectLimits | None = None) -> Settings:
    """Return settings for the clients that detection uses: they give up by themselves when its patience ends.

    What gives up by itself leaves nothing behind to wait for when the client is closed.
    """
    patience_s = (limits or DetectLimits()).deadline_s - _RESERVE_S
    short = {"connect_timeout_s": patience_s, "idle_timeout_s": patience_s, "acquire_timeout_s": patience_s}
    return settings.model_copy(
        update={
            "dimse": settings.dimse.model_copy(update=short),
            "web_pacs": settings.web_pacs.model_copy(update=short),
        }
    )


@dataclass(slots=True)
class _Search:
    """One detection: what to try, how it ended so far, and until when it may continue (the event loop's time)."""

    ladders: Mapping[int, tuple[Ladder, ...]]
    addresses: tuple[Address, ...]
    prober: Prober
    ends_s: float
    closed: dict[int, PacsError] = field(default_factory=dict)
    outcomes: dict[PacsConnection, Finding | GatewayError] = field(default_factory=dict)
    confined: bool = False

    async def run(self) -> bool:
        """Look at all ports at the same time; return whether all was tried before the end."""
        try:
            async with asyncio.timeout_at(self.ends_s), asyncio.TaskGroup() as tasks:
                for port in self.ladders:
                    tasks.create_task(self._look_at(port))
        except TimeoutError:
            return False
        return True

    async def _look_at(self, port: int) -> None:
        address = await self._reach(port)
        if address is None:
            return
        async with asyncio.TaskGroup() as tasks:
            for ladder in self.ladders[port]:
                tasks.create_task(self._climb(ladder, address))

    async def _reach(self, port: int) -> Address | None:
        """The first of the addresses at which somebody listens on the port."""
        errors = await asyncio.gather(*(self.prober.listens(address, port) for address in self.addresses))
        for address, error in zip(self.addresses, errors, strict=True):
            if error is None:
                return address
        if errors[0] is not None:
            self.closed[port] = errors[0]
        return None

    async def _climb(self, ladder: Ladder, address: Address) -> None:
        first, *others = ladder
        if continues_after(first, await self._ask(first, address)):
            await asyncio.gather(*(self._ask(candidate, address) for candidate in others))

    async def _ask(self, candidate: PacsConnection, address: Address) -> Finding | GatewayError:
        outcome = await self.prober.ask(candidate, address, self.ends_s - _RESERVE_S, confined=self.confined)
        self.outcomes[candidate] = outcome
        return outcome


class Detector:
    """Looks for PACS at a host. `factories` make clients with short time-outs; `calling_aet` is this gateway's own."""

    def __init__(
        self,
        factories: Mapping[str, PacsFactory],
        policy: AddressPolicy,
        clock: Clock,
        *,
        calling_aet: str,
        limits: DetectLimits | None = None,
        dial: Dial = dial,
    ) -> None:
        self._factories = factories
        self._policy = policy
        self._clock = clock
        self._calling_aet = calling_aet
        self._limits = limits or DetectLimits()
        self._dial = dial

    async def detect(self, target: DetectTarget, *, unrestricted: bool = False) -> DetectionReport:
        """Try everything that is usual, all ports at the same time, and leave nothing open.

        `unrestricted` is for callers who run the whole installation: the host may be in any network.

        Raises:
            InvalidArgumentError: a field of the target is malformed, or the host has no address.
            AddressNotAllowedError: the host lies in a network that is not open to tenants.
        """
        started_s = self._clock.monotonic_s()
        target = check_target(target)
        addresses = await self._policy.check(target.host, unrestricted=unrestricted)
        search = self._search(target, addresses, confined=not unrestricted)
        complete = await search.run()
        duration_ms = (self._clock.monotonic_s() - started_s) * 1000
        tried = {port: search.ladders[port] for port in search.ladders if port not in search.closed}
        return report_of(tried, search.outcomes, search.closed, complete=complete, duration_ms=duration_ms)

    def _search(self, target: DetectTarget, addresses: tuple[Address, ...], *, confined: bool) -> _Search:
        limits = self._limits
        prober = Prober(
            self._factories, self._clock, self._dial, deadline_s=limits.deadline_s, parallel=limits.parallel
        )
        candidates = {port: self._askable(ladders(target, port, self._calling_aet)) for port in ports_of(target)}
        ends_s = asyncio.get_running_loop().time() + limits.total_s
        return _Search(candidates, addresses[:_MAX_ADDRESSES], prober, ends_s, confined=confined)

    def _askable(self, candidates: tuple[Ladder, ...]) -> tuple[Ladder, ...]:
        """Those of a kind that can be connected."""
        askable = (tuple(each for each in ladder if each.kind in self._factories) for ladder in candidates)
        return tuple(ladder for ladder in askable if ladder)
