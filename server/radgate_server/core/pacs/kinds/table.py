"""The table of the kinds of PACS: those of this package, and those that other packages added at the start."""

from collections.abc import Mapping
from types import MappingProxyType

from radgate_server.core.pacs.kinds.dicomweb import DICOMWEB
from radgate_server.core.pacs.kinds.dimse import DIMSE
from radgate_server.core.pacs.kinds.folder import FOLDER
from radgate_server.core.pacs.kinds.kind import ConnectionKind
from radgate_server.core.pacs.kinds.orthanc import ORTHANC

BUILT_IN: Mapping[str, ConnectionKind] = MappingProxyType(
    {kind.name: kind for kind in (DIMSE, ORTHANC, DICOMWEB, FOLDER)}
)
"""The kinds of this package by their names."""

_kinds = dict(BUILT_IN)
_unavailable: dict[str, str] = {}

KINDS: Mapping[str, ConnectionKind] = MappingProxyType(_kinds)
"""All kinds of PACS by their names."""
UNAVAILABLE: Mapping[str, str] = MappingProxyType(_unavailable)
"""Why kinds of other packages can't be used, by their names."""


def replace_extensions(kinds: Mapping[str, ConnectionKind], unavailable: Mapping[str, str]) -> None:
    """Make `kinds` those that other packages add, and `unavailable` those that failed. For the start of a process."""
    for name in _kinds.keys() - BUILT_IN.keys():
        del _kinds[name]
    _kinds.update(kinds)
    _unavailable.clear()
    _unavailable.update(unavailable)
