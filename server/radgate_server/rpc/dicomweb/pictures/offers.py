"""Which pictures can be given of an instance's frames (PS3.18 table 8.7.4-1), and which frames go into them."""

from dataclasses import dataclass

from radgate_server.core.imaging.metadata.instance_content import Frames
from radgate_server.core.imaging.render_target import RENDERED_GIF, RENDERED_JPEG, RENDERED_PNG
from radgate_server.rpc.dicomweb.negotiation.accept import Acceptable
from radgate_server.rpc.dicomweb.negotiation.media_types import negotiate_offers
from radgate_server.rpc.dicomweb.negotiation.offers import Offer

PICTURE_TYPES = (RENDERED_JPEG, RENDERED_PNG, RENDERED_GIF)

_STILL = (RENDERED_JPEG, RENDERED_PNG)
_SINGLE = tuple(Offer(False, media_type) for media_type in PICTURE_TYPES)
_PARTS = tuple(Offer(True, media_type) for media_type in _STILL)
_ANIMATION = Offer(False, RENDERED_GIF)

PICTURE_OFFERS = (*_SINGLE, *_PARTS)
"""What there is of a single frame; single pictures are the first."""


@dataclass(frozen=True, slots=True)
class PicturePlan:
    """What the client gets: one picture of `frame_numbers` (several are an animation), or a part for each of them."""

    offer: Offer
    frame_numbers: tuple[int, ...]


def plan_pictures(accepted: tuple[Acceptable, ...], frames: Frames, listed: tuple[int, ...]) -> PicturePlan:
    """Choose for the frames that are listed, or, when none is, for the instance.

    Several frames come as one part each, or as an animated GIF for who prefers that. So does a multi-frame instance;
    for who prefers a single JPEG or PNG, as who takes anything does, its representative frame stands for it.

    Raises:
        NotAcceptableError: the client takes none of them.
    """
    if len(listed) > 1:
        offer = negotiate_offers(accepted, (*_PARTS, _ANIMATION))
        return PicturePlan(offer, listed)
    offer = negotiate_offers(accepted, PICTURE_OFFERS)
    if listed or frames.count == 1:
        return PicturePlan(offer, listed or (1,))
    if offer.multipart or offer == _ANIMATION:
        return PicturePlan(offer, tuple(range(1, frames.count + 1)))
    return PicturePlan(offer, (frames.representative,))
