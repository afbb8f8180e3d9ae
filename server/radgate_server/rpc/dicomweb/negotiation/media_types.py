"""Which representation a client gets: what can be offered, set against what it accepts (PS3.18 8.7).

Offers stand in the order in which the server prefers them. The client's quality decides first, then whether anything
is lost, then the client's order, then ours.
"""

from collections.abc import Iterable
from functools import lru_cache

from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.errors import NotAcceptableError
from radgate_server.rpc.dicomweb.negotiation.accept import Acceptable
from radgate_server.rpc.dicomweb.negotiation.offers import (
    DICOM,
    JSON_OFFERS,
    STORE_RESPONSE_OFFERS,
    Offer,
    bulkdata_offers,
    frame_offers,
    instance_offers,
)

_NOTHING: frozenset[str] = frozenset()


@lru_cache(maxsize=1024)
def negotiate_instance(
    accepted: tuple[Acceptable, ...],
    stored: str,
    framings: tuple[bool, ...],
    *,
    refused: frozenset[str] = _NOTHING,
) -> Offer:
    """How to give an instance that is stored in `stored`: as it is, in Explicit VR Little Endian, or encoded again.

    It is encoded again only in a transfer syntax that the client names. `refused` are those that could not be made of
    this very instance.

    Raises:
        NotAcceptableError: the client takes nothing that can be made.
    """
    offers = [offer for multipart in framings for offer in instance_offers(stored, multipart)]
    return _choose(accepted, _without(offers, refused), stored)


@lru_cache(maxsize=1024)
def negotiate_frames(
    accepted: tuple[Acceptable, ...],
    stored: str,
    framings: tuple[bool, ...],
    *,
    refused: frozenset[str] = _NOTHING,
) -> Offer:
    """How to give frames of an instance that is stored in `stored`.

    Compressed frames that can't be decoded are given as stored to clients that name no transfer syntax (PS3.18 8.7.3).
    `refused` are transfer syntaxes that could not be made of these very frames.

    Raises:
        NotAcceptableError: the client takes nothing that can be made.
    """
    offers = [offer for multipart in framings for offer in frame_offers(stored, multipart)]
    return _choose(accepted, _without(offers, refused), stored)


@lru_cache(maxsize=1024)
def negotiate_bulkdata(accepted: tuple[Acceptable, ...], framings: tuple[bool, ...]) -> Offer:
    """How to give the value of an element that is not compressed pixels.

    Raises:
        NotAcceptableError: the client does not take application/octet-stream.
    """
    return _choose(accepted, bulkdata_offers(framings), EXPLICIT_VR_LITTLE_ENDIAN)


@lru_cache(maxsize=1024)
def negotiate_json(accepted: tuple[Acceptable, ...]) -> str:
    """The content type of metadata and of a search's results.

    Raises:
        NotAcceptableError: the client takes no JSON.
    """
    return _choose(accepted, JSON_OFFERS, "").media_type


@lru_cache(maxsize=1024)
def negotiate_store_response(accepted: tuple[Acceptable, ...]) -> str:
    """The content type in which the outcome of a store is reported.

    Raises:
        NotAcceptableError: the client takes neither JSON nor XML.
    """
    return _choose(accepted, STORE_RESPONSE_OFFERS, "").media_type


@lru_cache(maxsize=1024)
def negotiate_offers(accepted: tuple[Acceptable, ...], offers: tuple[Offer, ...]) -> Offer:
    """The one of `offers` that the client wants most.

    Raises:
        NotAcceptableError: the client takes none of them.
    """
    return _choose(accepted, offers, "")


def require_instances(accepted: tuple[Acceptable, ...]) -> None:
    """Insist that multipart application/dicom is accepted in some transfer syntax, before any PACS is bothered.

    Raises:
        NotAcceptableError: it is not.
    """
    if not takes_instance(accepted, multipart=True):
        raise NotAcceptableError(f'instances are given as multipart/related; type="{DICOM}"')


def takes_instance(accepted: tuple[Acceptable, ...], *, multipart: bool = False) -> bool:
    """Whether application/dicom is accepted in some transfer syntax, in parts or alone."""
    offer = Offer(multipart, DICOM)
    return any(acceptable.quality and _fits_type(acceptable, offer) for acceptable in accepted)


def _without(offers: Iterable[Offer], refused: frozenset[str]) -> list[Offer]:
    return [offer for offer in offers if offer.stored or offer.transfer_syntax_uid not in refused]


def _choose(accepted: tuple[Acceptable, ...], offers: Iterable[Offer], stored: str) -> Offer:
    offers = list(offers)
    for any_syntax_is_default in (False, True):
        ranked = [
            (rank, offer) for offer in offers if (rank := _rank(accepted, offer, any_syntax_is_default)) is not None
        ]
        if ranked:
            return max(ranked, key=lambda pair: pair[0])[1]
    details = {"stored": stored} if stored else {}
    types = ", ".join(dict.fromkeys(offer.media_range for offer in offers if offer.default or offer.stored))
    raise NotAcceptableError(f"nothing that is accepted can be made; media types on offer: {types}", **details)


def _rank(
    accepted: tuple[Acceptable, ...], offer: Offer, any_syntax_is_default: bool
) -> tuple[float, bool, int] | None:
    """How much the client wants the offer, and which of its ranges says so first; None when not at all.

    Of what it wants as much, nothing comes with a loss that can come without.
    """
    fitting = [
        (acceptable.specificity, -position, acceptable.quality)
        for position, acceptable in enumerate(accepted)
        if _fits_type(acceptable, offer) and _fits_syntax(acceptable, offer, any_syntax_is_default)
    ]
    if not fitting:
        return None
    _, order, quality = max(fitting)
    return (quality, not offer.lossy, order) if quality else None


def _fits_type(acceptable: Acceptable, offer: Offer) -> bool:
    if acceptable.anything:
        return True
    if acceptable.multipart != offer.multipart:
        return False
    wanted = acceptable.media_type
    return wanted in ("*/*", offer.media_type) or (wanted.endswith("/*") and offer.media_type.startswith(wanted[:-1]))


def _fits_syntax(acceptable: Acceptable, offer: Offer, any_syntax_is_default: bool) -> bool:
    syntaxes = acceptable.transfer_syntaxes
    if not offer.transfer_syntax_uid:
        return True
    if not syntaxes:
        meant = offer.default and not offer.asked_by_habit
        return meant or (any_syntax_is_default and (offer.default or offer.stored))
    return offer.transfer_syntax_uid in syntaxes or ("*" in syntaxes and offer.stored)
