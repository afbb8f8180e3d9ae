"""What PACS over HTTP share: connections, credentials, TLS, and what failures mean; used by dicomweb and orthanc."""

from radgate_server.adapters.pacs.http.client import Body, HttpAnswer, HttpStream, PacsHttp

__all__ = ["Body", "HttpAnswer", "HttpStream", "PacsHttp"]
