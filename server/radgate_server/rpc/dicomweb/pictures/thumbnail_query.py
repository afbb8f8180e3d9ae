"""What a thumbnail is to look like: a few parameters of PS3.18 8.3.5, and `size`, which is ours."""

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.imaging.render_target import Viewport
from radgate_server.rpc.dicomweb.negotiation.accept import acceptables
from radgate_server.rpc.dicomweb.negotiation.media_types import negotiate_offers
from radgate_server.rpc.dicomweb.negotiation.offers import Offer
from radgate_server.rpc.dicomweb.negotiation.query_string import parse_parameters, query_of
from radgate_server.rpc.dicomweb.pictures.offers import PICTURE_TYPES
from radgate_server.rpc.dicomweb.pictures.query import parse_viewport
from radgate_server.rpc.dicomweb.retrieve.frame_paths import parse_frame_list
from radgate_server.services.imaging.pictures.thumbnails import DEFAULT_SIDE, KEPT_SIDES, ThumbnailTarget

_OFFERS = tuple(Offer(False, media_type) for media_type in PICTURE_TYPES)
_DEFAULT = Viewport(DEFAULT_SIDE, DEFAULT_SIDE)


def parse_thumbnail(original_path: str, accept: str, frames: str) -> ThumbnailTarget:
    """Parse a request of the standard; of several frames, the first is shown, since only one picture is given.

    Raises:
        InvalidArgumentError: naming the parameter that is malformed.
        NotAcceptableError: the client takes no picture that can be made.
    """
    value = parse_parameters(query_of(original_path), {"viewport"}).get("viewport", "")
    viewport = parse_viewport("viewport", value) if value else _DEFAULT
    if viewport != Viewport(viewport.columns, viewport.rows):
        raise InvalidArgumentError("viewport", "must be vw,vh: a thumbnail shows the whole image")
    number = parse_frame_list(frames)[0] if frames else None
    return ThumbnailTarget(viewport.columns, viewport.rows, _media_type(original_path, accept), number)


def parse_sized_thumbnail(original_path: str, accept: str) -> ThumbnailTarget:
    """Parse a request for a thumbnail of one of the usual sizes.

    Raises:
        InvalidArgumentError: naming `size`.
        NotAcceptableError: the client takes no picture that can be made.
    """
    size = parse_parameters(query_of(original_path), {"size"}).get("size", "") or str(DEFAULT_SIDE)
    side = next((side for side in KEPT_SIDES if str(side) == size), None)
    if side is None:
        raise InvalidArgumentError("size", f"must be one of {', '.join(map(str, KEPT_SIDES))}")
    return ThumbnailTarget(side, side, _media_type(original_path, accept))


def _media_type(original_path: str, accept: str) -> str:
    return negotiate_offers(acceptables(accept, original_path), _OFFERS).media_type
