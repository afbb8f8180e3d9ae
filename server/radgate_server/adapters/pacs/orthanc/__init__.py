"""PACS adapter for Orthanc over its own REST API (1.11.0 or newer)."""

from radgate_server.adapters.pacs.orthanc.client import build_orthanc_pacs

__all__ = ["build_orthanc_pacs"]
