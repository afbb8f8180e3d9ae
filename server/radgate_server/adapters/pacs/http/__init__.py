"""What PACS over HTTP share: connections, credentials, TLS, and what failures mean; used by dicomweb and orthanc."""

from radgate_server.adapters.pacs.http.client import HttpAnswer, HttpStream, PacsHttp
from radgate_server.adapters.pacs.http.opening import build_http
from radgate_server.adapters.pacs.http.sending import Body

__all__ = ["Body", "HttpAnswer", "HttpStream", "PacsHttp", "build_http"]
