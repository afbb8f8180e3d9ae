import asyncio

from radgate_server.core.errors import GatewayError, PacsAbortedError, PacsBusyError, PacsError, PacsTimeoutError
from radgate_server.services.pacs.resilience.operations import (
    REPEATED,
    VERDICTS,
    Operation,
    Verdict,
    is_repeated,
    verdict_of,
)


def leaves(kind: type[GatewayError]) -> set[type[GatewayError]]:
    below = kind.__subclasses__()
    return set().union(*map(leaves, below)) if below else {kind}


def test_every_error_of_a_pacs_has_its_verdict() -> None:
    ours = {kind for kind in leaves(PacsError) if kind.__module__ == PacsError.__module__}
    assert set(VERDICTS) == ours


def test_every_operation_reports_what_is_repeated() -> None:
    assert set(REPEATED) == set(Operation)
    for kinds in REPEATED.values():
        assert PacsTimeoutError not in kinds
        assert all(VERDICTS[kind] is Verdict.FAILED or kind is PacsBusyError for kind in kinds)


def test_a_kind_of_its_own_goes_by_its_ancestor() -> None:
    error = type("SlowError", (PacsTimeoutError,), {"__module__": "elsewhere"})
    assert verdict_of(error("slow", pacs="main")) is Verdict.FAILED


def test_what_is_none_of_the_pacs_doing_says_nothing_of_it() -> None:
    for error in (asyncio.CancelledError(), TimeoutError(), ValueError(), GatewayError("full")):
        assert verdict_of(error) is Verdict.UNKNOWN


def test_what_one_instance_causes_is_neither_repeated_nor_counted() -> None:
    error = PacsAbortedError("gone", pacs="main", over_instance=True)
    assert verdict_of(error) is Verdict.UNKNOWN
    assert not is_repeated(Operation.STORE, error)
    assert is_repeated(Operation.STORE, PacsAbortedError("gone", pacs="main"))
