"""What both commands are asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from radgate_server.cli.shared.options import together

type Rename = Callable[[str], str]
"""The name of the file that is made of the one of this name."""


@dataclass(frozen=True, slots=True)
class ConversionRequest:
    """Which file or directory is read, and where what is made of it goes.

    Without `output` a file gets its new name beside it, a directory one that ends in `suffix`. Within a directory the
    names are those that `rename_within` makes.
    """

    source: Path
    output: Path | None
    overwrite: bool
    suffix: str
    rename: Rename
    rename_within: Rename


source_argument = click.argument("source", metavar="FILE|DIR", type=click.Path(exists=True, path_type=Path))

output_options = together(
    click.option(
        "--output",
        metavar="PATH",
        type=click.Path(path_type=Path),
        help="File or directory to write; else one beside FILE or DIR, named like it.",
    ),
    click.option("--overwrite", is_flag=True, help="Replace files that are there already."),
)
