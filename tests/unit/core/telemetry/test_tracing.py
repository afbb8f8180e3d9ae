from collections.abc import Mapping

import pytest

from radgate_server.core.telemetry.request_context import trace_id
from radgate_server.core.telemetry.tracing import (
    Facts,
    Part,
    Span,
    SpanKind,
    TraceContext,
    current_traceparent,
    mark,
    parse_traceparent,
    span,
)

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Recorded:
    """A span that remembers what it is reported."""

    context = TraceContext(TRACE, SPAN, True)
    headers: Mapping[str, str] = {"traceparent": context.traceparent}

    def __init__(self, name: str = "root", room: int = 10) -> None:
        self.name = name
        self.facts: Facts = {}
        self.parts: list[Recorded] = []
        self.failure: str | None = None
        self._room = room

    def child(self, name: str, kind: SpanKind, facts: Facts) -> Span | None:
        if len(self.parts) == self._room:
            return None
        self.parts.append(part := Recorded(name))
        part.note(facts)
        return part

    def note(self, facts: Facts) -> None:
        self.facts.update(facts)

    def end(self, failure: str = "") -> None:
        self.failure = failure


def test_reads_and_writes_traceparent() -> None:
    context = TraceContext(TRACE, SPAN, True)
    assert context.traceparent == f"00-{TRACE}-{SPAN}-01"
    assert parse_traceparent(context.traceparent) == context
    assert parse_traceparent(f"00-{TRACE}-{SPAN}-00") == TraceContext(TRACE, SPAN, False)
    assert parse_traceparent(f"cc-{TRACE}-{SPAN}-03-what-the-future-will-be-like") == context


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01x",
    ],
)
def test_a_header_that_is_not_valid_is_none(header: str) -> None:
    assert parse_traceparent(header) is None


def test_work_is_a_part_of_the_work_around_it() -> None:
    root = Recorded()
    with Part(root):
        with span("C-FIND", SpanKind.CLIENT, pacs="main") as outer, span("inner"):
            mark("cache", hit=True)
            outer.note(count=3)
        with pytest.raises(ValueError), span("fails"):
            raise ValueError
    (find, failed) = root.parts
    assert (find.name, find.facts, find.failure) == ("C-FIND", {"pacs": "main", "count": 3}, "")
    assert (find.parts[0].parts[0].facts, failed.failure, root.failure) == ({"hit": True}, "ValueError", "")


def test_outside_of_traces_nothing_is_recorded() -> None:
    mark("cache", hit=True)
    with span("C-FIND") as part:
        part.note(count=1)
    with Part(root := Recorded()):
        pass
    with span("later"):
        pass
    assert root.parts == []


def test_what_has_no_room_in_a_trace_is_done_all_the_same() -> None:
    with Part(root := Recorded(room=1)):
        for _ in range(3):
            with span("part") as part:
                part.note(count=1)
    assert len(root.parts) == 1


async def test_what_is_handed_on_says_whether_it_is_recorded() -> None:
    assert current_traceparent() == ""
    trace_id.set(TRACE)  # as for each call, recorded or not
    reported = parse_traceparent(current_traceparent())
    assert reported is not None
    assert (reported.trace_id, reported.sampled) == (TRACE, False)
    with Part(Recorded()):
        assert current_traceparent() == f"00-{TRACE}-{SPAN}-01"
