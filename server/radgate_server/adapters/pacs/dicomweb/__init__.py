"""A PACS that speaks DICOMweb (PS3.18): QIDO-RS, WADO-RS or WADO-URI, STOW-RS over httpx."""

from radgate_server.adapters.pacs.dicomweb.client import build_dicomweb_pacs

__all__ = ["build_dicomweb_pacs"]
