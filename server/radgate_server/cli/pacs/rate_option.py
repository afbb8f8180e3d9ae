"""The option that says how slow a PACS may be."""

from collections.abc import Callable

import click

from radgate_server.core.pacs.minimum_rate import DEFAULT_MIN_BYTES_PER_SECOND, MAX_MIN_BYTES_PER_SECOND


def minimum_rate_option(command: Callable[..., None]) -> Callable[..., None]:
    """How slow a PACS may be."""
    return click.option(
        "--min-bytes-per-second",
        metavar="N",
        type=click.IntRange(0, MAX_MIN_BYTES_PER_SECOND),
        help="Give up a PACS that sends less on average for the idle time-out (two minutes);"
        f" {DEFAULT_MIN_BYTES_PER_SECOND} by default, 0: it may be as slow as it likes.",
    )(command)
