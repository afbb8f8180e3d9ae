"""News of studies, as both clients hand it out; without I/O."""

from radgate.errors import UnavailableError
from radgate.v1.query_service_pb2 import StudyChanged, WatchStudiesResponse


class NewsAssembler:
    """Turns the stream's pieces into news; a StudyChanged without a UID says that any study may have changed."""

    def feed(self, response: WatchStudiesResponse) -> StudyChanged:
        """The news in this piece; when the watch begins, or some was missed: anything may have changed."""
        return response.changed if response.HasField("changed") else StudyChanged()

    def finish(self) -> None:
        """Report that the server ended the stream, which by itself never ends. Raises UnavailableError."""
        raise UnavailableError("the server ended the watch; begin another one")
