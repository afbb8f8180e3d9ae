"""A directory tree of DICOM files as a read-only PACS."""

from radgate_server.adapters.pacs.folder.client import build_folder_pacs
from radgate_server.adapters.pacs.folder.index import FolderIndex, index_folder

__all__ = ["FolderIndex", "build_folder_pacs", "index_folder"]
