"""PACS that speak DICOMweb (PS3.18)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self, override

from radgate_server.core.pacs.kinds.checks import check_url
from radgate_server.core.pacs.kinds.kind import ConnectionKind, DetectTarget, Ladder
from radgate_server.core.pacs.kinds.web import (
    CREDENTIALS_HINT,
    HttpConnection,
    http_continues_after,
    web_auth,
    web_bases,
)

DICOMWEB_ROOTS = (
    *("/dicom-web", "/dicomweb", "/dcm4chee-arc/aets/DCM4CHEE/rs", "/wado-rs", "/rs", "/api/dicom-web"),
    *("/dicom-web/v1", "/pacs/dicom-web", ""),
)
"""Where DICOMweb servers have their root as delivered: Orthanc, dcm4chee-arc, and others; last the server's own."""


@dataclass(frozen=True, slots=True)
class DicomWebConnection(HttpConnection):
    """A PACS that speaks DICOMweb below `url`, such as https://pacs.example/dicom-web.

    `wado_uri_url` is where it answers WADO-URI, used for instances when WADO-RS is missing; "" when it has none.
    """

    wado_uri_url: str = ""
    kind: Literal["dicomweb"] = "dicomweb"

    @property
    @override
    def url_fields(self) -> Mapping[str, str]:
        return {"url": self.url, "wado_uri_url": self.wado_uri_url, "auth.token_url": self.auth.token_url}

    @override
    def checked(self) -> Self:
        if self.wado_uri_url:
            check_url(self.wado_uri_url, "dicomweb.wado_uri_url")
        return HttpConnection.checked(self)


def _candidates(target: DetectTarget, port: int) -> Mapping[str, Ladder]:
    auth = web_auth(target)
    return {
        scheme: tuple(DicomWebConnection(base + root, auth=auth, password=target.secret) for root in DICOMWEB_ROOTS)
        for scheme, base in web_bases(target, port).items()
    }


DICOMWEB = ConnectionKind(
    DicomWebConnection,
    "dicomweb",
    "a PACS that speaks DICOMweb: QIDO-RS, and WADO-RS or WADO-URI",
    preference=20,
    ports=(80, 443, 8080),
    candidates=_candidates,
    continues_after=http_continues_after,
    hints=(CREDENTIALS_HINT,),
)
