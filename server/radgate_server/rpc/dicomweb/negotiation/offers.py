"""What can be offered for each resource, in the order in which the server prefers it (PS3.18 8.7.3)."""

from collections.abc import Container, Iterable
from dataclasses import dataclass

from radgate_server.core.dicom.transfer_syntaxes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    ENCODABLE_SYNTAXES,
    EXPLICIT_VR_LITTLE_ENDIAN,
    HTJ2K_LOSSLESS,
    JPEG_2000_LOSSLESS,
    JPEG_LOSSLESS_SV1,
    JPEG_LS_LOSSLESS,
    JPEG_XL_LOSSLESS,
    RLE_LOSSLESS,
    TRANSFER_SYNTAXES,
)

DICOM = "application/dicom"
DICOM_JSON = "application/dicom+json"
DICOM_XML = "application/dicom+xml"
JSON = "application/json"
OCTET_STREAM = "application/octet-stream"

MULTIPART_ONLY = (True,)
MULTIPART_FIRST = (True, False)
SINGLE_ONLY = (False,)
SINGLE_FIRST = (False, True)

_DEFAULT_SYNTAXES = frozenset(
    {RLE_LOSSLESS, JPEG_LOSSLESS_SV1, JPEG_LS_LOSSLESS, JPEG_2000_LOSSLESS, JPEG_XL_LOSSLESS, HTJ2K_LOSSLESS}
)
"""What a client means that names an image's media type and no transfer syntax (PS3.18 table 8.7.3-5)."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One representation.

    `stored` when its bytes are as they are stored, `lossy` when making it loses something; `default` when it is what
    a client means that names no transfer syntax (PS3.18 tables 8.7.3-2, 8.7.3-4, 8.7.3-5).
    """

    multipart: bool
    media_type: str
    transfer_syntax_uid: str = ""
    stored: bool = True
    default: bool = True
    lossy: bool = False

    @property
    def media_range(self) -> str:
        """What a client writes into Accept to get it."""
        media_type = f'multipart/related; type="{self.media_type}"' if self.multipart else self.media_type
        return f"{media_type}; transfer-syntax={self.transfer_syntax_uid}" if self.transfer_syntax_uid else media_type

    @property
    def asked_by_habit(self) -> bool:
        """Whether HTTP libraries accept it without meaning it, as `image/jpeg`: better to give what else they take."""
        return not self.multipart and not self.stored and self.media_type.startswith("image/")


JSON_OFFERS = (Offer(False, DICOM_JSON), Offer(False, JSON))
"""Of metadata and of a search's results."""

STORE_RESPONSE_OFFERS = (*JSON_OFFERS, Offer(False, DICOM_XML))


def instance_offers(stored: str, multipart: bool) -> Iterable[Offer]:
    """What an instance that is stored in `stored` can be given as, in a multipart body or alone."""
    yield Offer(multipart, DICOM, stored, default=stored == EXPLICIT_VR_LITTLE_ENDIAN)
    if stored != EXPLICIT_VR_LITTLE_ENDIAN and _decodable(stored):
        yield Offer(multipart, DICOM, EXPLICIT_VR_LITTLE_ENDIAN, stored=False)
    if stored != DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN and _decodable(stored):
        yield Offer(multipart, DICOM, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, stored=False, default=False)
    yield from _encoded_offers(stored, multipart, DICOM, ())


def frame_offers(stored: str, multipart: bool) -> Iterable[Offer]:
    """What frames of an instance that is stored in `stored` can be given as."""
    row = TRANSFER_SYNTAXES.get(stored)
    if row is not None and row.kind == "native":
        # Big endian and deflated pixels are made little endian even for "*": the web knows no others (PS3.18 8.7.3).
        yield Offer(multipart, OCTET_STREAM, EXPLICIT_VR_LITTLE_ENDIAN)
    else:
        if _decodable(stored):
            yield Offer(multipart, OCTET_STREAM, EXPLICIT_VR_LITTLE_ENDIAN, stored=False)
        if row is not None:
            yield Offer(multipart, row.media_type, stored)
        yield Offer(multipart, OCTET_STREAM, stored, default=False)
    yield from _encoded_offers(stored, multipart, "", _DEFAULT_SYNTAXES)
    yield from _encoded_offers(stored, multipart, OCTET_STREAM, ())


def bulkdata_offers(framings: Iterable[bool]) -> Iterable[Offer]:
    """What the value of an element that is not compressed pixels can be given as."""
    return (Offer(multipart, OCTET_STREAM, EXPLICIT_VR_LITTLE_ENDIAN) for multipart in framings)


def _encoded_offers(stored: str, multipart: bool, media_type: str, defaults: Container[str]) -> Iterable[Offer]:
    """What can be made of compressed or native pixels; of the transfer syntax's own media type where none is given."""
    for row in ENCODABLE_SYNTAXES if _decodable(stored) else ():
        if row.uid != stored:
            default = row.uid in defaults
            yield Offer(
                multipart, media_type or row.media_type, row.uid, stored=False, default=default, lossy=row.lossy
            )


def _decodable(uid: str) -> bool:
    row = TRANSFER_SYNTAXES.get(uid)
    return row is not None and row.decodable
