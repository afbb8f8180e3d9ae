"""A parsed request for pictures, whichever way it came."""

from dataclasses import dataclass

from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.imaging.render_target import RenderTarget, Viewport
from radgate_server.rpc.dicomweb.negotiation.accept import Acceptable

type Region = tuple[float, float, float, float]
"""Left, top, right and bottom of what is wanted of an image that is 1 wide and 1 high (PS3.18 9.5.1.2.5)."""


@dataclass(frozen=True, slots=True)
class PictureRequest:
    """What is wanted of an instance, or of what stands for a wider scope. Without `frame_numbers`, the whole of it.

    The answer may be kept for `ttl_s` seconds, None: until the study changes. `target` has no media type yet.
    `query` is the query string of WADO-RS, which belongs to the URL of each picture.
    """

    scope: RetrieveScope
    accepted: tuple[Acceptable, ...]
    target: RenderTarget
    frame_numbers: tuple[int, ...] = ()
    ttl_s: float | None = None
    region: Region | None = None
    query: str = ""

    @property
    def detail(self) -> str:
        """The frames as the audit trail names them."""
        return ",".join(map(str, self.frame_numbers))

    def location(self, ref: InstanceRef, frame_number: int) -> str:
        """The URL of the picture of one frame of `ref`, relative to the one of WADO-RS that was asked for."""
        if self.frame_numbers:
            place = ".."
        else:
            series = "" if self.scope.series_instance_uid else f"series/{ref.series_instance_uid}/"
            instance = "" if self.scope.sop_instance_uid else f"instances/{ref.sop_instance_uid}/"
            place = f"{series}{instance}frames"
        return f"{place}/{frame_number}/rendered{self.query and f'?{self.query}'}"


def cut_region(target: RenderTarget, region: Region, image: ImagePixel) -> RenderTarget:
    """The region of the image, scaled into the target's viewport, or as large as it is."""
    left, top, right, bottom = region
    width, height = (right - left) * image.columns, (bottom - top) * image.rows
    viewport = target.viewport or Viewport(max(1, round(width)), max(1, round(height)))
    return target._replace(
        viewport=viewport._replace(
            left=left * image.columns, top=top * image.rows, source_columns=width, source_rows=height
        ),
    )
