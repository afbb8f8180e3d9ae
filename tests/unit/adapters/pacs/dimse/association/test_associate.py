"""What it means when no association comes about."""

import queue
from types import SimpleNamespace
from typing import Any

import pytest
from pynetdicom.pdu_primitives import A_ASSOCIATE, A_P_ABORT

from radgate_server.adapters.pacs.dimse.association.opening import Associator
from radgate_server.core.errors import PacsAbortedError, PacsBusyError, PacsError, PacsRejectedError
from radgate_server.core.pacs.connections import DimseConnection
from radgate_server.settings.pacs import DimseSettings


def rejection(result: int = 1, source: int = 1, diagnostic: int = 7) -> A_ASSOCIATE:
    answer = A_ASSOCIATE()
    answer.result, answer.result_source, answer.diagnostic = result, source, diagnostic
    return answer


def ended(looked_at: A_ASSOCIATE | None, *waiting: object) -> Any:
    """An association that is over: what pynetdicom looked at, and what it left in its queue."""
    left: queue.Queue[object] = queue.Queue()
    for each in waiting:
        left.put(each)
    provider = SimpleNamespace(to_user_queue=left, socket=None)
    return SimpleNamespace(acceptor=SimpleNamespace(primitive=looked_at), dul=provider, gave_up=False)


@pytest.mark.parametrize(
    ("association", "error"),
    [
        (ended(rejection(), A_P_ABORT()), PacsRejectedError),
        (ended(None, rejection(), A_P_ABORT()), PacsRejectedError),
        (ended(None, A_P_ABORT()), PacsAbortedError),
        (ended(rejection(2, 3, 1)), PacsBusyError),
        (ended(rejection(2, 3, 2)), PacsBusyError),
        (ended(rejection(2, 2, 1)), PacsBusyError),
        (ended(rejection(2, 1, 7)), PacsRejectedError),
    ],
    ids=["looked at", "too fast", "broken", "congestion", "local limit", "no reason, for now", "AE title, for now"],
)
def test_a_rejection_is_reported_however_fast_it_came(association: Any, error: type[PacsError]) -> None:
    connection = DimseConnection("pacs.example", 104, "PACS", "RADGATE")
    failure = Associator("main", connection, DimseSettings(), lambda *_: None)._failure(association)
    assert type(failure) is error
    assert failure.details.get("rejection") == ("called-aet" if error is PacsRejectedError else None)
