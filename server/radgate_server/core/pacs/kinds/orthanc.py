"""Orthanc, over its own REST API."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Self, override

from radgate_server.core.pacs.kinds.kind import ConnectionKind, DetectTarget, Ladder
from radgate_server.core.pacs.kinds.web import (
    CREDENTIALS_HINT,
    HttpConnection,
    http_continues_after,
    web_auth,
    web_bases,
)
from radgate_server.core.pacs.labels import StudyLabels, check_labels


@dataclass(frozen=True, slots=True)
class OrthancConnection(HttpConnection):
    """An Orthanc reached over its own REST API at `url`, such as http://orthanc.example:8042.

    Only the studies that `labels` admit are seen through it.
    """

    labels: StudyLabels = field(default_factory=StudyLabels)
    kind: Literal["orthanc"] = "orthanc"

    @override
    def checked(self) -> Self:
        check_labels(self.labels, "orthanc.labels")
        return HttpConnection.checked(self)

    @property
    @override
    def place(self) -> tuple[str, ...]:
        labels = self.labels
        return (self.url, labels.constraint.value, *labels.names) if labels.names else (self.url,)


def _candidates(target: DetectTarget, port: int) -> Mapping[str, Ladder]:
    auth = web_auth(target)
    return {
        scheme: (OrthancConnection(base, auth=auth, password=target.secret),)
        for scheme, base in web_bases(target, port).items()
    }


ORTHANC = ConnectionKind(
    OrthancConnection,
    "orthanc",
    "an Orthanc, over its own REST API",
    preference=10,
    ports=(4242, 8042),
    candidates=_candidates,
    continues_after=http_continues_after,
    hints=(CREDENTIALS_HINT,),
)
