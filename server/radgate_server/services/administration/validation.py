"""Validate a PACS before it is relied upon: checks in an order in which each needs what those before it found."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from radgate_server.core.errors import GatewayError, PacsTimeoutError
from radgate_server.core.pacs.connections import PacsConfig
from radgate_server.core.pacs.ports import PacsFactory, make_client
from radgate_server.core.pacs.validation import Check, CheckOutcome, ValidationReport, Verdict, skipped
from radgate_server.lib.clock import Clock
from radgate_server.services.administration.validation_checks import (
    CHECKS,
    Examination,
    Examine,
    unusable,
)

type CheckListener = Callable[[Check], None]
"""Notified of each check when it is done."""

DEADLINE_S = 10.0


class Validator:
    """Validates PACS with clients of its own, which know no retry and no breaker.

    `factories` makes them, by kind; each check may take `deadline_s` seconds.
    """

    def __init__(self, factories: Mapping[str, PacsFactory], clock: Clock, *, deadline_s: float = DEADLINE_S) -> None:
        self._factories = factories
        self._clock = clock
        self._deadline_s = deadline_s

    async def validate(self, config: PacsConfig, on_check: CheckListener | None = None) -> ValidationReport:
        """Connect, check, and release the PACS. What is wrong with it is in the report, and never raised."""
        checks: list[Check] = []
        async with self._examination(config) as examines:
            for name, examine in zip(CHECKS, examines, strict=True):
                usable = all(check.outcome is not CheckOutcome.FAILED for check in checks)
                checks.append(await self._check(config.name, name, examine if usable else _pass_over))
                if on_check is not None:
                    on_check(checks[-1])
        return ValidationReport(self._clock.now(), tuple(checks))

    @asynccontextmanager
    async def _examination(self, config: PacsConfig) -> AsyncIterator[tuple[Examine, ...]]:
        try:
            client = make_client(self._factories, config)
        except GatewayError as unmade:
            error = unmade

            async def refuse() -> Verdict:
                raise error

            yield (refuse,) * len(CHECKS)
            return
        try:
            yield Examination(config.connection, client, self._clock).checks()
        finally:
            await client.close()

    async def _check(self, pacs: str, name: str, examine: Examine) -> Check:
        started_s = self._clock.monotonic_s()
        try:
            async with asyncio.timeout(self._deadline_s):
                verdict = await examine()
        except TimeoutError:
            verdict = unusable(PacsTimeoutError(f"the PACS did not answer within {self._deadline_s:g} s", pacs=pacs))
        except GatewayError as error:
            verdict = unusable(error)
        return Check(name, verdict.outcome, verdict.message, (self._clock.monotonic_s() - started_s) * 1000)


async def _pass_over() -> Verdict:
    return skipped("not looked at, as an earlier check failed")
