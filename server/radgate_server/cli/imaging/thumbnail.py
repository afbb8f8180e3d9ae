"""`radgate thumbnail`: small pictures of DICOM files."""

from pathlib import Path

import click

from radgate_server.cli.imaging.options import ConversionRequest, output_options, source_argument
from radgate_server.cli.shared.options import config_option, current_settings
from radgate_server.core.imaging.render_target import RENDERED_JPEG, RENDERED_PNG

SIZES = ("64", "128", "256")
_FORMATS = {"jpeg": (RENDERED_JPEG, ".jpg"), "png": (RENDERED_PNG, ".png")}

_EXAMPLES = """\b
Examples:
  radgate thumbnail CT.dcm                           writes CT.dcm.jpg
  radgate thumbnail CT.dcm --size 256 --format png --output ct.png
  radgate thumbnail study/                           one for each instance, below study-thumbnails/
"""


@click.command(epilog=_EXAMPLES)
@source_argument
@click.option("--size", type=click.Choice(SIZES), default="128", show_default=True, help="Pixels of each side.")
@click.option("--format", "format_", type=click.Choice(list(_FORMATS)), default="jpeg", show_default=True)
@output_options
@config_option
def thumbnail(source: Path, size: str, format_: str, output: Path | None, overwrite: bool) -> None:
    """Write thumbnails of DICOM files: the middle frame, with the window of the data set.

    What has no pixels, such as a report, is shown as a placeholder that says what it is.
    """
    from radgate_server.cli.imaging.working import show_all  # takes a second that no other command should pay

    media_type, suffix = _FORMATS[format_]
    request = ConversionRequest(
        source, output, overwrite, "-thumbnails", lambda name: name + suffix, lambda name: name + suffix
    )
    click.get_current_context().exit(show_all(current_settings(), request, int(size), media_type))
