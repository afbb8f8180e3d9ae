"""Enums of the contract and the words that the core has for their values: AUDIT_ACTION_READ_AUDIT is "read-audit"."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from radgate.v1.admin_service_pb2 import CacheTier, DetectKind, QueryLevel, Role, WebService
from radgate.v1.audit_service_pb2 import AuditAction, AuditOutcome
from radgate.v1.error_reason_pb2 import ErrorReason
from radgate.v1.pacs_pb2 import CheckKind, PacsOperation
from radgate.v1.prefetch_service_pb2 import PrefetchTrigger
from radgate.v1.query_service_pb2 import QueryWarningReason
from radgate_server.core.errors import InvalidArgumentError


class EnumWords(NamedTuple):
    """The values of an enum by their words, whatever the words' case, and back."""

    numbers: Mapping[str, int]
    words: Mapping[int, str]

    def number(self, word: str) -> Any:
        """The value of a word; UNSPECIFIED, 0, of one that the contract lacks."""
        return self.numbers.get(word.lower(), 0)

    def word(self, number: int, field: str) -> str:
        """The word of a value that a client gave. Raises InvalidArgumentError for one that is none."""
        if number not in self.words:
            raise InvalidArgumentError(field, f"must be one of {', '.join(self.words.values())}; {number} is none")
        return self.words[number]


def words_of(enum: Any, separator: str = "-") -> EnumWords:
    """Make the words of an enum's values: names without prefix, in lower case, parts joined by `separator`."""
    zero, *others = enum.DESCRIPTOR.values
    prefix = zero.name.removesuffix("UNSPECIFIED")
    words = {value.number: value.name.removeprefix(prefix).lower().replace("_", separator) for value in others}
    return EnumWords({word: number for number, word in words.items()}, words)


AUDIT_ACTIONS = words_of(AuditAction)
AUDIT_OUTCOMES = words_of(AuditOutcome)
CACHE_TIERS = words_of(CacheTier)
CHECK_KINDS = words_of(CheckKind)
DETECT_KINDS = words_of(DetectKind)
ERROR_REASONS = words_of(ErrorReason, "_")
PACS_OPERATIONS = words_of(PacsOperation)
PREFETCH_TRIGGERS = words_of(PrefetchTrigger)
QUERY_LEVELS = words_of(QueryLevel)
QUERY_WARNING_REASONS = words_of(QueryWarningReason, "_")
ROLES = words_of(Role)
WEB_SERVICES = words_of(WebService)
