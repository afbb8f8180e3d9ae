"""What is done at a PACS, and the tables that say how its failures are taken."""

from enum import Enum, StrEnum

from radgate_server.core import errors
from radgate_server.core.errors import PacsError
from radgate_server.services.pacs.resilience.admission import Urgency


class Operation(StrEnum):
    """What a PACS may be asked to do; each has a circuit breaker of its own."""

    ECHO = "echo"
    FIND = "find"
    RETRIEVE = "retrieve"
    STORE = "store"
    CHANGES = "changes"


INTERACTIVE = frozenset({Operation.ECHO, Operation.FIND, Operation.CHANGES})
"""Short ones; the others move instances and may take minutes."""

URGENCIES: dict[Operation, Urgency] = {
    Operation.ECHO: Urgency.SEARCH,
    Operation.FIND: Urgency.SEARCH,  # LISTING when it is for a retrieve
    Operation.CHANGES: Urgency.SEARCH,
    Operation.RETRIEVE: Urgency.TRANSFER,
    Operation.STORE: Urgency.TRANSFER,
}

ALWAYS_ASKED = frozenset({Operation.ECHO})
"""Never refused by a breaker: a health check is asked for in order to learn whether the PACS is back."""


class Verdict(Enum):
    """What the end of an operation says of the PACS: it works, it does not, or nothing."""

    ANSWERED = "answered"
    FAILED = "failed"
    UNKNOWN = "unknown"


VERDICTS: dict[type[PacsError], Verdict] = {
    errors.PacsUnreachableError: Verdict.FAILED,
    errors.PacsTlsFailedError: Verdict.FAILED,
    errors.PacsTimeoutError: Verdict.FAILED,
    errors.PacsAbortedError: Verdict.FAILED,
    # Permanently (PS3.8 9.3.4, result 1): an AE title, or a policy. A transient rejection is PacsBusyError.
    errors.PacsRejectedError: Verdict.FAILED,
    # An answer, however unwelcome, comes from a PACS that works; an open breaker would hide what it says.
    errors.PacsCredentialsError: Verdict.ANSWERED,
    # The PACS was not asked at all.
    errors.SecretUnavailableError: Verdict.UNKNOWN,
    errors.PacsNoContextError: Verdict.ANSWERED,
    errors.PacsFailedError: Verdict.ANSWERED,
    errors.PacsCannotError: Verdict.ANSWERED,
    errors.InstanceNotSentError: Verdict.ANSWERED,
    errors.InstanceMismatchError: Verdict.ANSWERED,
    # Our own connections are all in use, or the PACS has no room now: load alone must never break a circuit.
    errors.PacsBusyError: Verdict.UNKNOWN,
    errors.PacsCircuitOpenError: Verdict.UNKNOWN,
}

_PASSING = (errors.PacsUnreachableError, errors.PacsAbortedError, errors.PacsBusyError)

REPEATED: dict[Operation, tuple[type[PacsError], ...]] = {
    # Not PacsTimeoutError: whoever waited through one long silence would wait through another.
    # Not PacsRejectedError, PacsTlsFailedError: the same proposal, sent again at once, is rejected again.
    Operation.ECHO: _PASSING,
    Operation.FIND: _PASSING,
    # Only before the first arrival: later, what has come would come again.
    Operation.RETRIEVE: _PASSING,
    # The same SOP Instance UID with the same bytes: storing it twice is storing it once.
    Operation.STORE: _PASSING,
    # Whoever follows the feed comes again soon.
    Operation.CHANGES: (),
}


def is_over_instance(error: BaseException) -> bool:
    """Whether one instance's bytes may have caused it: sent again they would do the same, another's would not."""
    return isinstance(error, errors.PacsAbortedError) and error.over_instance


def is_repeated(operation: Operation, error: PacsError) -> bool:
    """Whether the operation is worth another try."""
    return isinstance(error, REPEATED[operation]) and not is_over_instance(error)


def verdict_of(error: BaseException) -> Verdict:
    """The error's row in VERDICTS, or its nearest ancestor's; nothing is known from any other, cancellation too."""
    if is_over_instance(error):
        return Verdict.UNKNOWN
    return next((VERDICTS[kind] for kind in type(error).__mro__ if kind in VERDICTS), Verdict.UNKNOWN)
