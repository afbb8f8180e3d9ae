"""A PACS that speaks DIMSE: C-ECHO, C-FIND, C-GET or C-MOVE, C-STORE over pynetdicom."""

from radgate_server.adapters.pacs.dimse.client import build_dimse_pacs
from radgate_server.adapters.pacs.dimse.storage_scp.scp import StorageScp

__all__ = ["StorageScp", "build_dimse_pacs"]
