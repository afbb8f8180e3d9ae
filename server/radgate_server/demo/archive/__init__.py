"""A DIMSE archive (SCP) in front of any PACS port: what the demo's and the tests' PACS speak."""

from radgate_server.demo.archive.archive import DimseArchive

__all__ = ["DimseArchive"]
