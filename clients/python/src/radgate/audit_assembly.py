"""What streams of the audit trail are put together to, for both clients."""

from typing import Any

from radgate.errors import UnavailableError
from radgate.v1 import audit_service_pb2 as messages


class PieceAssembler:
    """Hands out the data of each message."""

    def feed(self, response: Any) -> bytes:
        """The next piece of the document."""
        data: bytes = response.data
        return data

    def finish(self) -> None:
        """Nothing: a document that breaks off ends with an error."""


class VerdictAssembler:
    """Hands out progress and, last, the verdict."""

    def __init__(self) -> None:
        self._ended = False

    def feed(self, response: messages.VerifyAuditTrailResponse) -> messages.VerifyProgress | messages.VerifyVerdict:
        """How far it is, or what was found."""
        self._ended = response.HasField("verdict")
        return response.verdict if self._ended else response.progress

    def finish(self) -> None:
        """Insist on a verdict. Raises UnavailableError."""
        if not self._ended:
            raise UnavailableError("the server ended the verification before its verdict; begin another one")
