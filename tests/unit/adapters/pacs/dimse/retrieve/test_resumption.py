"""A PACS that gives up half-way is asked for the rest one by one, as long as that brings anything."""

from collections.abc import Callable
from io import BytesIO

import pytest
from pynetdicom.dimse_primitives import C_STORE

from radgate_server.adapters.pacs.dimse.messages.status import CANNOT_UNDERSTAND, SUB_OPERATIONS_FAILED, SUCCESS
from radgate_server.adapters.pacs.dimse.retrieve.intake import Intake
from radgate_server.adapters.pacs.dimse.retrieve.resumption import MAX_FAILURES, Ending, resume
from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import Arrival, ListedInstance
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN

CT = "1.2.840.10008.5.1.4.1.1.2"
STUDY = RetrieveScope("1.2")
GAVE_UP = Ending(CANNOT_UNDERSTAND, sent=0)
DONE = Ending(SUCCESS, sent=1)
PARTLY = Ending(SUB_OPERATIONS_FAILED, sent=0)


def uid(number: int) -> str:
    return f"1.2.3.{number}"


def intake_of(count: int, *, came: int = 0, scope: RetrieveScope = STUDY) -> Intake:
    """A retrieve of `count` instances, the first of which have come."""
    arrivals: list[Arrival] = []
    listed = [ListedInstance(InstanceRef("1.2", "1.2.3", uid(number)), CT) for number in range(count)]
    intake = Intake("main", "PACS", scope, listed, arrivals.append)
    for number in range(came):
        send(intake, uid(number))
    return intake


def send(intake: Intake, sop_instance_uid: str) -> None:
    request = C_STORE()
    request.MessageID, request.AffectedSOPClassUID = 1, CT
    request.AffectedSOPInstanceUID, request.DataSet = sop_instance_uid, BytesIO(b"12")
    assert intake.take(request, EXPLICIT_VR_LITTLE_ENDIAN) == SUCCESS


def asking(asked: list[str | None], answer: Callable[[str], Ending]) -> Callable[[RetrieveScope], Ending]:
    def ask(scope: RetrieveScope) -> Ending:
        asked.append(scope.sop_instance_uid)
        return answer(scope.sop_instance_uid or "")

    return ask


def test_what_is_missing_is_asked_for_and_what_failed_is_reported() -> None:
    asked: list[str | None] = []
    failing, intake = Ending(CANNOT_UNDERSTAND, sent=1, failed=[uid(1)]), intake_of(5, came=1)

    def answer(each: str) -> Ending:
        if each == uid(3):
            return GAVE_UP
        send(intake, each)
        return DONE

    ending = resume(intake, failing, asking(asked, answer))
    assert asked == [uid(2), uid(3), uid(4)]
    assert ending == Ending(SUB_OPERATIONS_FAILED, sent=3, failed=[uid(1), uid(3)])


@pytest.mark.parametrize(("answer", "failed"), [(GAVE_UP, MAX_FAILURES), (DONE, 0), (PARTLY, 0)])
def test_a_pacs_that_sends_nothing_is_not_asked_for_each_of_many(answer: Ending, failed: int) -> None:
    asked: list[str | None] = []
    ending = resume(intake_of(100), GAVE_UP, asking(asked, lambda _: answer))
    assert asked == [uid(number) for number in range(MAX_FAILURES)]
    assert (ending.status, ending.sent, len(ending.failed)) == (CANNOT_UNDERSTAND, 0, failed)


@pytest.mark.parametrize("status", [SUCCESS, SUB_OPERATIONS_FAILED, 0xA701, 0xA702, 0xA801, 0x0124])
def test_only_a_pacs_that_can_not_go_on_is_asked_again(status: int) -> None:
    asked: list[str | None] = []
    ending = Ending(status, sent=0)
    assert resume(intake_of(3), ending, asking(asked, lambda _: DONE)) is ending
    assert asked == []


def test_one_instance_is_not_asked_for_twice() -> None:
    asked: list[str | None] = []
    alone = RetrieveScope("1.2", "1.2.3", uid(0))
    assert resume(intake_of(1, scope=alone), GAVE_UP, asking(asked, lambda _: DONE)) is GAVE_UP
    assert asked == []
