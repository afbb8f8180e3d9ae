"""`radgate transcode`: DICOM files in another transfer syntax."""

from pathlib import Path
from typing import Any

import click

from radgate_server.cli.imaging.options import ConversionRequest, output_options, source_argument
from radgate_server.cli.shared.options import config_option, current_settings
from radgate_server.core.dicom import transfer_syntaxes as syntaxes
from radgate_server.core.imaging.frames import EncodeTarget

_DEFAULT_QUALITY = 90
NAMES = {
    "htj2k": syntaxes.HTJ2K_LOSSLESS,
    "htj2k-rpcl": syntaxes.HTJ2K_LOSSLESS_RPCL,
    "j2k": syntaxes.JPEG_2000_LOSSLESS,
    "j2k-lossy": syntaxes.JPEG_2000,
    "jpeg": syntaxes.JPEG_BASELINE,
    "jpeg-lossless": syntaxes.JPEG_LOSSLESS_SV1,
    "jpeg-ls": syntaxes.JPEG_LS_LOSSLESS,
    "rle": syntaxes.RLE_LOSSLESS,
    "explicit": syntaxes.EXPLICIT_VR_LITTLE_ENDIAN,
    "implicit": syntaxes.IMPLICIT_VR_LITTLE_ENDIAN,
    "deflated": syntaxes.DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
}
_MAKABLE = frozenset({*NAMES.values(), *(row.uid for row in syntaxes.ENCODABLE_SYNTAXES)})

_EXAMPLES = """\b
Examples:
  radgate transcode CT.dcm --to htj2k                     writes CT.htj2k.dcm
  radgate transcode CT.dcm --to jpeg --quality 80 --output small.dcm
  radgate transcode study/ --to htj2k-rpcl --output fast/  the same tree below fast/
"""


class _Syntax(click.ParamType[str]):
    """A name of the table, or the UID of any transfer syntax that can be made."""

    name = "SYNTAX"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the UID."""
        uid: str = NAMES.get(value, value)
        if uid not in _MAKABLE:
            self.fail(f"{value!r} is none of {', '.join(NAMES)}, and no UID of a transfer syntax that can be made")
        return uid


@click.command(epilog=_EXAMPLES)
@source_argument
@click.option("--to", "uid", type=_Syntax(), required=True, help=f"{', '.join(NAMES)}, or a UID.")
@click.option("--quality", type=click.IntRange(1, 100), help="Of what is lossy, 1 to 100; 90 when not given.")
@output_options
@config_option
def transcode(source: Path, uid: str, quality: int | None, output: Path | None, overwrite: bool) -> None:
    """Write DICOM files in another transfer syntax.

    What becomes lossy gets a SOP Instance UID of its own and says so. Files that are in the transfer syntax already
    are copied. A directory is done on all processors; files in it that are no DICOM instances are left out.
    """
    if quality is not None and not syntaxes.TRANSFER_SYNTAXES[uid].lossy:
        raise click.UsageError("--quality is for lossy transfer syntaxes; this one keeps every pixel")
    from radgate_server.cli.imaging.working import transcode_all  # takes a second that no other command should pay

    label = next((name for name, known in NAMES.items() if known == uid), uid)
    request = ConversionRequest(
        source, output, overwrite, f"-{label}", lambda name: f"{Path(name).stem}.{label}.dcm", str
    )
    target = EncodeTarget(uid, quality=quality or _DEFAULT_QUALITY)
    click.get_current_context().exit(transcode_all(current_settings(), request, target))
