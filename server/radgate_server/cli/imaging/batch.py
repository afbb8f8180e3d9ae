"""One file or many, several at once: how far it is, what failed and why, and how the command ends."""

import os
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import click

from radgate_server.cli.imaging.files import Pair, Plan, check_free
from radgate_server.cli.shared.output import hint
from radgate_server.core.jobs.job import describe_failure
from radgate_server.lib.lookahead import Window, each, in_order
from radgate_server.settings.shared.table import MIB

_WINDOW_BYTES = 512 * MIB
"""Of files that are worked on at the same time; a larger one has the machine for itself."""

type Make = Callable[[Pair], Awaitable[None]]
"""Makes one output. Raises GatewayError, OSError."""


async def make_all(plan: Plan, make: Make, *, overwrite: bool, parallel: int) -> int:
    """Make all outputs, reporting each failure, and the whole at the end. Returns how many failed."""

    async def make_one(pair: Pair) -> None:
        check_free(pair, overwrite=overwrite)
        await make(pair)

    failed: list[tuple[Path, Exception]] = []
    window = Window(parallel, _WINDOW_BYTES)
    with click.progressbar(length=len(plan.pairs), file=sys.stderr, hidden=not _has_progress(plan)) as bar:
        async with aclosing(in_order(each(plan.pairs), make_one, _size_of, window)) as outcomes:
            async for pair, outcome in outcomes:
                try:
                    await outcome
                except Exception as error:  # noqa: BLE001 - whatever it is, the other files continue
                    failed.append((pair.source, error))
                bar.update(1)
    reasons = Counter(_report(source, error) for source, error in failed)
    if len(plan.pairs) > 1 or plan.left_out:
        hint(_summary(plan, reasons))
    return len(failed)


def _has_progress(plan: Plan) -> bool:
    return len(plan.pairs) > 1 and sys.stderr.isatty()


def _report(source: Path, error: Exception) -> str:
    """Say in one line what failed; returns the reason in short."""
    if isinstance(error, OSError):
        reason, message = "FILE", os.strerror(error.errno or 0)
    else:
        failure = describe_failure(error)
        defect = f"an internal error ({type(error).__name__}); please report it"
        reason, message = failure.reason, defect if failure.defect else failure.message
    hint(f"{source}: {message} ({reason})")
    return reason


def _summary(plan: Plan, reasons: Counter[str]) -> str:
    parts = [f"{len(plan.pairs) - reasons.total()} done"]
    if reasons:
        reported = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        parts.append(f"{reasons.total()} failed ({reported})")
    if plan.left_out:
        parts.append(f"{plan.left_out} left out, being no DICOM instances")
    return "; ".join(parts)


def _size_of(pair: Pair) -> int:
    try:
        return pair.source.stat().st_size
    except OSError:
        return 0  # reading it will show the error
