"""What is notified of an alert from its beginning to its end."""

from radgate_server.core.alerts.alert import Alert, Severity
from radgate_server.services.alerts.ledger import AlertLedger, NoticePolicy
from tests.fakes.clock import FakeClock

DOWN = Alert("RadgatePacsDown", Severity.CRITICAL, (("pacs", "main"),), "it is down", "Start it.")
OTHER = Alert("RadgatePacsDown", Severity.CRITICAL, (("pacs", "spare"),), "it is down", "Start it.")


class Story:
    """A ledger with pending of 60 s, settling in 30 s, reminding every 1000 s."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.ledger = AlertLedger(NoticePolicy("here", settle_s=30, repeat_s=1000))
        self.silenced: set[str] = set()

    def after(self, seconds: float, *found: Alert) -> list[str]:
        """Let time pass, find these; what is reported, as "firing main" and the like."""
        self.clock.advance(seconds)
        notices = self.ledger.update(
            found,
            {"RadgatePacsDown": 60},
            lambda alert: alert.labels[0][1] in self.silenced,
            self.clock.now(),
            self.clock.monotonic_s(),
        )
        assert all(notice.site == "here" for notice in notices)
        return [
            f"{notice.state.value} {notice.alert.labels[0][1]}{' again' if notice.again else ''}" for notice in notices
        ]


def test_is_reported_once_when_it_has_been_there_long_enough_and_when_it_is_over() -> None:
    story = Story()
    assert story.after(0, DOWN) == []
    assert story.after(59, DOWN) == []
    assert story.after(1, DOWN) == ["firing main"]
    assert story.after(100, DOWN) == []
    assert story.after(29) == []
    assert story.after(1) == ["resolved main"]
    assert story.after(100) == []


def test_what_is_gone_before_it_counts_was_nothing() -> None:
    story = Story()
    assert story.after(0, DOWN) == []
    assert story.after(30) == []
    assert story.after(30, DOWN) == []
    assert story.after(59, DOWN) == []
    assert story.after(1, DOWN) == ["firing main"]


def test_what_comes_back_while_it_settles_is_the_same_alert() -> None:
    story = Story()
    story.after(0, DOWN)
    assert story.after(60, DOWN) == ["firing main"]
    assert story.after(10) == []
    assert story.after(10, DOWN) == []
    assert story.after(29) == []
    assert story.after(1) == ["resolved main"]


def test_each_thing_has_its_own_alert() -> None:
    story = Story()
    story.after(0, DOWN)
    assert story.after(60, DOWN, OTHER) == ["firing main"]
    assert story.after(60, DOWN, OTHER) == ["firing spare"]
    assert story.after(30, DOWN) == ["resolved spare"]


def test_is_reported_again_when_it_lasts() -> None:
    story = Story()
    story.after(0, DOWN)
    assert story.after(60, DOWN) == ["firing main"]
    assert story.after(999, DOWN) == []
    assert story.after(1, DOWN) == ["firing main again"]
    assert story.after(1000, DOWN) == ["firing main again"]


def test_nobody_is_informed_of_what_is_silenced() -> None:
    story = Story()
    story.silenced.add("main")
    story.after(0, DOWN, OTHER)
    assert story.after(60, DOWN, OTHER) == ["firing spare"]
    assert story.after(40) == ["resolved spare"]


def test_what_lasts_longer_than_its_silence_is_reported_then() -> None:
    story = Story()
    story.silenced.add("main")
    story.after(0, DOWN)
    assert story.after(600, DOWN) == []
    story.silenced.clear()
    assert story.after(5, DOWN) == ["firing main"]


def test_the_end_is_reported_also_when_it_is_silenced_by_then() -> None:
    story = Story()
    story.after(0, DOWN)
    assert story.after(60, DOWN) == ["firing main"]
    story.silenced.add("main")
    assert story.after(30) == ["resolved main"]
