"""What waits for a receiver."""

from dataclasses import replace

from radgate_server.core.alerts.alert import Alert, AlertState, Notice, Severity
from radgate_server.services.alerts.outbox import HOUR_S, Outbox
from tests.fakes.clock import START


def notice(pacs: str = "main", state: AlertState = AlertState.FIRING) -> Notice:
    alert = Alert("RadgatePacsDown", Severity.CRITICAL, (("pacs", pacs),), "it is down", "Start it.")
    return Notice(alert, state, START, START, "here")


def over(pacs: str = "main") -> Notice:
    return notice(pacs, AlertState.RESOLVED)


def taken(outbox: Outbox, now_s: float = 0) -> list[Notice]:
    """Deliver all that is due."""
    delivered = []
    while (waiting := outbox.due(now_s)) is not None:
        outbox.done(waiting, now_s)
        delivered.append(waiting.notice)
    return delivered


def test_keeps_the_order() -> None:
    outbox = Outbox(per_hour=10)
    for each in ("a", "b", "c"):
        assert outbox.put(notice(each)) == 0
    assert taken(outbox) == [notice("a"), notice("b"), notice("c")]
    assert (len(outbox), outbox.next_s(0)) == (0, None)


def test_of_what_is_over_before_it_could_be_reported_nothing_is() -> None:
    outbox = Outbox(per_hour=10)
    outbox.put(notice())
    outbox.put(over())
    assert len(outbox) == 0


def test_of_what_may_have_arrived_the_end_is_reported() -> None:
    outbox = Outbox(per_hour=10)
    outbox.put(notice())
    waiting = outbox.due(0)
    assert waiting is not None
    waiting.failures = 1
    outbox.put(over())
    assert taken(outbox) == [over()]


def test_of_what_is_being_delivered_the_end_is_reported_after_it() -> None:
    outbox = Outbox(per_hour=10)
    outbox.put(notice())
    waiting = outbox.due(0)
    assert waiting is not None
    waiting.in_progress = True
    outbox.put(over())
    outbox.done(waiting, 0)
    assert taken(outbox) == [over()]


def test_the_end_is_reported_though_a_reminder_was_not() -> None:
    outbox = Outbox(per_hour=10)
    outbox.put(replace(notice(), again=True))
    outbox.put(over())
    assert taken(outbox) == [over()]


def test_more_than_so_many_an_hour_wait() -> None:
    outbox = Outbox(per_hour=2)
    for each in ("a", "b", "c"):
        outbox.put(notice(each))
    assert taken(outbox, 10) == [notice("a"), notice("b")]
    assert outbox.next_s(20) == 10 + HOUR_S
    assert taken(outbox, 9 + HOUR_S) == []
    assert taken(outbox, 10 + HOUR_S) == [notice("c")]


def test_more_than_can_wait_push_out_the_oldest() -> None:
    outbox = Outbox(per_hour=10, max_waiting=2)
    assert [outbox.put(notice(each)) for each in ("a", "b", "c")] == [0, 0, 1]
    assert taken(outbox) == [notice("b"), notice("c")]


def test_what_failed_waits_and_holds_up_no_other() -> None:
    outbox = Outbox(per_hour=10)
    outbox.put(notice("a"))
    waiting = outbox.due(0)
    assert waiting is not None
    waiting.due_s = 30
    assert outbox.next_s(0) == 30
    outbox.put(notice("b"))
    assert taken(outbox, 1) == [notice("b")]
    assert taken(outbox, 30) == [notice("a")]
