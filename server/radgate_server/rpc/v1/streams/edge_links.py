"""Signed URLs at the edge in place of chunks (ADR 62)."""

from urllib.parse import quote

from radgate.v1.dicom_pb2 import EdgeUrl
from radgate_server.core.access.tenancy import Caller
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.dicom.transfer_syntaxes import (
    EXPLICIT_VR_BIG_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    TRANSFER_SYNTAXES,
)
from radgate_server.core.edge.grant import resource_of, version_of
from radgate_server.core.imaging.render_target import RenderTarget
from radgate_server.rpc.v1.convert.times import to_timestamp
from radgate_server.services.edge.urls import EdgeUrls

BY_URLS = "by signed URLs"
"""What the audit trail has of a call that is answered so; each fetch by the edge has a record of its own."""
_STORED = "*"


class EdgeLinks:
    """URLs of what one caller may have. Each names the bytes which the instance has now."""

    def __init__(self, urls: EdgeUrls, caller: Caller) -> None:
        self._urls = urls
        self._caller = caller

    def instance(self, handle: InstanceHandle, transfer_syntax_uid: str) -> EdgeUrl | None:
        """The DICOM file in that transfer syntax; None for what DICOMweb makes of nothing."""
        if transfer_syntax_uid == IMPLICIT_VR_LITTLE_ENDIAN != handle.transfer_syntax_uid:
            return None
        syntax = _wanted(handle, transfer_syntax_uid)
        return self._sign(handle, "", f"application/dicom; transfer-syntax={syntax}")

    def frame(self, handle: InstanceHandle, number: int, transfer_syntax_uid: str) -> EdgeUrl | None:
        """One frame in that transfer syntax; None for big endian pixels, which DICOMweb never gives (PS3.18 8.7.3)."""
        if transfer_syntax_uid == EXPLICIT_VR_BIG_ENDIAN:
            return None
        known = TRANSFER_SYNTAXES.get(transfer_syntax_uid)
        media_type = known.media_type if known else "application/octet-stream"
        accept = f"{media_type}; transfer-syntax={_wanted(handle, transfer_syntax_uid)}"
        return self._sign(handle, f"/frames/{number}", accept)

    def picture(self, handle: InstanceHandle, number: int, target: RenderTarget) -> EdgeUrl:
        """A picture of one frame; of the target what TranscodeTarget can say: media type, size and quality."""
        look = f"quality={target.quality}"
        if target.viewport:
            look = f"{look}&viewport={target.viewport.columns},{target.viewport.rows}"
        return self._sign(handle, f"/frames/{number}/rendered", target.media_type, look)

    def _sign(self, handle: InstanceHandle, part: str, accept: str, look: str = "") -> EdgeUrl:
        version = version_of(handle.size_bytes, handle.crc32c)
        query = "&".join(filter(None, (look, f"accept={quote(accept, safe='*/')}")))
        signed = self._urls.sign(self._caller, resource_of(self._caller.tenant_id, handle.ref, version, part, query))
        return EdgeUrl(url=signed.url, expire_time=to_timestamp(signed.expire_time))


def edge_links(urls: EdgeUrls | None, caller: Caller, *, preferred: bool) -> EdgeLinks | None:
    """What makes the URLs; None where bytes are to be sent: not asked for, no edge, or not for this tenant."""
    return EdgeLinks(urls, caller) if preferred and urls and urls.allows(caller.tenant_id) else None


def _wanted(handle: InstanceHandle, transfer_syntax_uid: str) -> str:
    return _STORED if transfer_syntax_uid == handle.transfer_syntax_uid else transfer_syntax_uid
