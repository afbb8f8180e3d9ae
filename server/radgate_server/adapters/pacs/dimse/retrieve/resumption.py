"""Going on where a PACS gave up a retrieve half-way: what is missing is asked for instance by instance.

Orthanc 1.12 ends a C-GET or C-MOVE with 0xC000 at the first instance that it can't send, and forgets all behind it:
one in a transfer syntax that it does not know (HTJ2K); in a C-MOVE also one in JPEG 2000 behind others, since it
proposes the transfer syntax of the first instance alone, and can't convert the rest. Asked for alone, each comes that
it can send at all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from radgate_server.adapters.pacs.dimse.messages.status import (
    SUB_OPERATIONS_FAILED,
    SUCCESS,
    is_unable_to_process,
    is_warning,
)
from radgate_server.adapters.pacs.dimse.retrieve.intake import Intake
from radgate_server.core.dicom.identifiers import QueryLevel, RetrieveScope

MAX_FAILURES = 8
"""In a row; a PACS that fails so often, or sends nothing although it says that it did, is not asked for the rest."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A PACS's final answer: its status, how many instances it says it sent, and the SOP Instance UIDs that failed."""

    status: int
    sent: int
    failed: Sequence[str] = ()

    @property
    def is_good(self) -> bool:
        """Whether the PACS did what it was asked, with a reservation perhaps."""
        return self.status == SUCCESS or is_warning(self.status)


def resume(intake: Intake, ending: Ending, ask: Callable[[RetrieveScope], Ending]) -> Ending:
    """Ask for each instance of `intake` that the PACS neither sent nor named as failed before it broke off.

    Returns how all requests together ended: with failed sub-operations if anything was sent, else as the first.
    """
    if intake.scope.level is QueryLevel.IMAGE or not is_unable_to_process(ending.status):
        return ending
    sent, failed, in_a_row = ending.sent, list(ending.failed), 0
    for ref in intake.missing(besides=failed):
        single = ask(RetrieveScope(ref.study_instance_uid, ref.series_instance_uid, ref.sop_instance_uid))
        if single.is_good and intake.has_got(ref):
            sent, in_a_row = sent + 1, 0
            continue
        if not single.is_good:
            failed.append(ref.sop_instance_uid)
        in_a_row += 1
        if in_a_row == MAX_FAILURES:
            break
    return Ending(SUB_OPERATIONS_FAILED if sent else ending.status, sent, failed)
