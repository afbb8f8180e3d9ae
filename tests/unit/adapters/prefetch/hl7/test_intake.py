"""What becomes of messages: who may send what for whom, and what is answered, counted and logged of it."""

import logging
from collections import Counter
from ipaddress import ip_address

import pytest

from radgate_server.adapters.prefetch.hl7 import intake
from radgate_server.adapters.prefetch.hl7.blocks import Block
from radgate_server.adapters.prefetch.hl7.intake import OrderIntake
from radgate_server.adapters.prefetch.hl7.messages import Problem
from radgate_server.core.networks import parse_networks
from radgate_server.core.prefetch.expected import ExpectedStudy
from radgate_server.core.prefetch.orders.senders import OrderPeer, OrderRoute, OrderSender
from tests.fakes.clock import FakeClock
from tests.fakes.hl7_messages import APPOINTMENT, IMAGING_ORDER, RAD_4, RECORD, WITHOUT_STUDY

NORTH = OrderSender("north", parse_networks(["10.1.0.0/16"]), route=OrderRoute(sending_facility="north"))
SOUTH = OrderSender("south", parse_networks(["10.2.0.0/16"]), "DNS:south.example", OrderRoute("EHR", "SOUTH"))
ENGINE = OrderPeer(ip_address("10.1.2.3"))
SOUTHERN = OrderPeer(ip_address("10.2.0.1"), frozenset({"DNS:south.example"}))


class Rig:
    """An intake, what it offers, and what it counts; it has room for `room` studies."""

    def __init__(self, *senders: OrderSender, room: int = 100) -> None:
        self.offered: list[tuple[str, ExpectedStudy]] = []
        self.counted: Counter[tuple[str, str]] = Counter()
        self.room = room
        self.intake = OrderIntake(senders or (NORTH, SOUTH), self._offer, FakeClock(), self)

    def _offer(self, tenant_id: str, expected: ExpectedStudy) -> bool:
        if len(self.offered) >= self.room:
            return False
        self.offered.append((tenant_id, expected))
        return True

    def order_message(self, kind: str, outcome: str) -> None:
        self.counted[kind, outcome] += 1

    def order_connection_refused(self, reason: str) -> None:
        raise AssertionError(reason)

    def answer(self, content: bytes, peer: OrderPeer = ENGINE, *, is_whole: bool = True) -> tuple[str, str, str]:
        """MSA-1 to MSA-3 of the answer."""
        sent = self.intake.answer(Block(content, is_whole), peer).decode()
        assert sent.count("\r") == 2
        _, code, control_id, text = (*sent.split("\r")[1].split("|"), "", "")[:4]
        return code, control_id, text

    @property
    def patients(self) -> list[tuple[str, str]]:
        """Tenant and patient of what was offered."""
        return [(tenant_id, expected.patient_id) for tenant_id, expected in self.offered]


def test_an_order_is_taken_for_the_tenant_of_its_sender() -> None:
    rig = Rig()
    assert rig.answer(RAD_4) == ("AA", "RIS-1001", "")
    assert rig.answer(RECORD, SOUTHERN) == ("AA", "8123", "")
    assert rig.patients == [("north", "PAT-7"), ("south", "40017")]
    assert rig.counted == {("ORM^O01", "taken"): 2}


@pytest.mark.parametrize(
    ("content", "peer"),
    [
        (RECORD, ENGINE),  # north's engine names south's facility
        (RAD_4, SOUTHERN),
        (RECORD, OrderPeer(SOUTHERN.address)),  # from south's network, without its certificate
        (RECORD, OrderPeer(SOUTHERN.address, frozenset({"DNS:north.example"}))),
        (RAD_4, OrderPeer(ip_address("10.3.0.1"))),
        (RAD_4, OrderPeer(ip_address("::1"))),
        (APPOINTMENT, ENGINE),
    ],
)
def test_a_message_that_can_not_be_of_the_one_who_sends_it_sets_nothing_off(content: bytes, peer: OrderPeer) -> None:
    rig = Rig()
    code, _, text = rig.answer(content, peer)
    assert (code, text, rig.offered) == ("AR", Problem.NO_SENDER, [])


def test_a_message_that_may_be_of_two_tenants_is_of_none() -> None:
    rig = Rig(NORTH, OrderSender("south", NORTH.networks))
    assert rig.answer(RAD_4)[0] == "AR"
    assert rig.answer(RAD_4.replace(b"|NORTH^1.2.3^ISO|", b"|SOUTH|"))[0] == "AA"
    assert rig.patients == [("south", "PAT-7")]


@pytest.mark.parametrize("why", WITHOUT_STUDY)
def test_what_announces_no_study_is_acknowledged_and_ignored(why: str) -> None:
    rig = Rig(OrderSender("north", NORTH.networks))
    assert rig.answer(WITHOUT_STUDY[why])[0] == "AA"
    assert rig.offered == []
    ((_, outcome),) = rig.counted
    assert outcome == "ignored"


def test_kinds_that_nobody_knows_are_counted_as_others() -> None:
    rig = Rig()
    rig.answer(RAD_4.replace(b"ORM^O01^ORM_O01", b"ZZZ^PATIENT"))
    assert rig.counted == {("other", "ignored"): 1}


def test_without_room_it_is_to_be_sent_again_and_then_all_of_it_is_taken() -> None:
    rig = Rig(room=1)
    two = RAD_4.replace(b"ORC|NW|ORD-55", b"ORC|NW|ORD-56", 1)
    assert rig.answer(two) == ("AE", "RIS-1001", Problem.BUSY)
    rig.room = 100
    assert rig.answer(two)[0] == "AA"
    assert len({expected.event_id for _, expected in rig.offered}) == 2
    assert rig.counted == {("ORM^O01", "busy"): 1, ("ORM^O01", "taken"): 1}


def test_a_message_that_is_too_large_is_rejected_by_its_number() -> None:
    rig = Rig()
    assert rig.answer(RAD_4[:200], is_whole=False) == ("AR", "RIS-1001", Problem.TOO_LARGE)
    assert rig.offered == []


def test_a_defect_is_answered_and_logged_without_the_message(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(intake, "expected_studies", fail)
    rig = Rig()
    assert rig.answer(RAD_4)[:2] == ("AE", "RIS-1001")
    assert rig.counted == {("ORM^O01", "failed"): 1}
    assert "PAT-7" not in caplog.text


def test_no_word_of_a_message_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    rig = Rig()
    private = ("PAT-7", "Muster", "ORD-55", "40017", "DOE", "P-1", "RIS-1001", "Chest")
    for content in (RAD_4, RECORD, IMAGING_ORDER, RAD_4.replace(b"PAT-7", b"PAT-7*"), b"PAT-7 Muster", b""):
        rig.answer(content)
    assert len(caplog.records) == 5
    assert not [word for word in private if word in caplog.text]
