"""How two servers prove to each other that they belong to one installation."""

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, field

REQUEST_KEY = "radgate-peer-request"
ANSWER_KEY = "radgate-peer-answer"
FETCHING, LOCATING, PRIORITIZING = "request", "locate", "prioritize"
"""What a request is for: one that somebody overheard is worth nothing as another."""

TOLERANCE_S = 300
"""So far may the clocks of two machines differ; a request that somebody overheard is worth nothing after it."""


@dataclass(frozen=True, slots=True)
class PeerSecret:
    """Signs by `key` (32 bytes, known to servers of the installation alone), with HMAC-SHA-256 (RFC 2104)."""

    key: bytes = field(repr=False)
    now_s: Callable[[], float] = time.time

    def sign(self, member_id: str, request: bytes, purpose: str = FETCHING) -> str:
        """Prove to the member of this ID that a server of the installation makes this request now."""
        moment = str(int(self.now_s()))
        return f"{moment}.{self._digest(purpose, member_id, moment, request)}"

    def verify(self, signature: str, member_id: str, request: bytes, purpose: str = FETCHING) -> bool:
        """Whether it was signed for this member and purpose a moment ago."""
        moment, _, digest = signature.partition(".")
        if not moment.isascii() or not moment.isdigit() or abs(int(moment[:15]) - self.now_s()) > TOLERANCE_S:
            return False
        return hmac.compare_digest(digest.encode(), self._digest(purpose, member_id, moment, request).encode())

    def answer(self, signature: str) -> str:
        """Prove to who signed a request that a server of the installation answers it."""
        return self._digest("answer", signature, "", b"")

    def verify_answer(self, answer: str, signature: str) -> bool:
        """Whether a server of the installation answers."""
        return hmac.compare_digest(answer.encode(), self.answer(signature).encode())

    def _digest(self, purpose: str, member_id: str, moment: str, request: bytes) -> str:
        signed = b"\0".join((purpose.encode(), member_id.encode(), moment.encode(), request))
        return hmac.new(self.key, signed, "sha256").hexdigest()
