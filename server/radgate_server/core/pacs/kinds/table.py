"""The table of the kinds of PACS."""

from collections.abc import Mapping
from types import MappingProxyType

from radgate_server.core.pacs.kinds.dicomweb import DICOMWEB
from radgate_server.core.pacs.kinds.dimse import DIMSE
from radgate_server.core.pacs.kinds.folder import FOLDER
from radgate_server.core.pacs.kinds.kind import ConnectionKind
from radgate_server.core.pacs.kinds.orthanc import ORTHANC

KINDS: Mapping[str, ConnectionKind] = MappingProxyType({kind.name: kind for kind in (DIMSE, ORTHANC, DICOMWEB, FOLDER)})
"""All kinds of PACS by their names."""
