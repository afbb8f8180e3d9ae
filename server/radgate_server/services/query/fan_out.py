"""Asking all PACS of a tenant at once: who answers, who does not, and whether the answers are what was asked for."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from radgate_server.core.dicom.data_sets import TagPath
from radgate_server.core.errors import PacsError, PacsTimeoutError
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.query.answer_check import check_answer
from radgate_server.core.query.model import FindResult, Query
from radgate_server.lib.deadline import expect_within

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AskLimits:
    """Matches taken from one PACS at most, and the seconds that it has when others answer beside it."""

    max_results: int
    deadline_s: float


@dataclass(frozen=True, slots=True)
class PacsAnswer:
    """What one PACS answered, or how it failed.

    `strange` and `malformed` count matches that were left out; `unchecked` are keys that nobody could match.
    """

    client: PacsClient
    result: FindResult | PacsError
    strange: int = 0
    malformed: int = 0
    unchecked: tuple[TagPath, ...] = ()


async def ask_all(clients: Sequence[PacsClient], query: Query, limits: AskLimits) -> list[PacsAnswer]:
    """Ask all PACS in parallel; one PacsAnswer for each, in the order of `clients`.

    Raises:
        PacsError: all failed; the first one's error.
    """
    deadline_s = limits.deadline_s if len(clients) > 1 else None
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_ask(client, query, limits.max_results, deadline_s)) for client in clients]
    except BaseExceptionGroup as group_error:
        raise group_error.exceptions[0] from None
    answers = [task.result() for task in tasks]
    failures = [answer.result for answer in answers if isinstance(answer.result, PacsError)]
    if len(failures) == len(answers):
        raise failures[0]
    return answers


async def _ask(client: PacsClient, query: Query, max_results: int, deadline_s: float | None) -> PacsAnswer:
    if deadline_s is not None:
        expect_within(deadline_s)
    try:
        async with asyncio.timeout(deadline_s):
            result = await client.query.find(query, max_results=max_results)
    except PacsError as error:
        return PacsAnswer(client, error)
    except TimeoutError:
        text = f"the PACS did not answer within {deadline_s:g} s"
        return PacsAnswer(client, PacsTimeoutError(text, pacs=client.name))
    checked = check_answer(query, result)
    if checked.strange or checked.malformed:
        counts = {"pacs": client.name, "strange": checked.strange, "malformed": checked.malformed}
        _log.warning("a PACS answers what was not asked for", extra=counts)
    return PacsAnswer(client, checked.result, checked.strange, checked.malformed, checked.unchecked)
