"""One trace as a tree, with what each span reports."""

import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from radgate_server.core.telemetry.tracing import TraceContext

_SHOWN = ("radgate.", "rpc.response", "http.response", "http.status", "error.")


class Found(NamedTuple):
    """A span as it came to a collector."""

    service: str
    trace_id: str
    span_id: str
    parent_id: str
    name: str
    start_ns: int
    end_ns: int
    attributes: dict[str, object]
    links: tuple[tuple[str, str], ...] = ()  # trace and span


class Node(NamedTuple):
    """A span and what it consisted of, in the order of their beginning."""

    span: Found
    parts: tuple["Node", ...]

    @property
    def names(self) -> tuple[object, ...]:
        """Its name, and those of its parts below it: ("a", ("b",), ("c", ("d",)))."""
        return (self.span.name, *(part.names for part in self.parts))

    def find(self, name: str) -> "Node":
        """The first span of that name, in the order in which they are printed. Raises LookupError."""
        for node in self.walk():
            if node.span.name == name:
                return node
        raise LookupError(name)

    def walk(self) -> Iterator["Node"]:
        """This and all below it."""
        yield self
        for part in self.parts:
            yield from part.walk()


def attributes_of(items: Iterable[KeyValue]) -> dict[str, object]:
    """What OTLP reports of a span, or of who sent it."""
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in items}


def begin() -> TraceContext:
    """The browser's own span, of a trace that is to be recorded."""
    return TraceContext(secrets.token_hex(16), secrets.token_hex(8), sampled=True)


def tree_of(spans: Iterable[Found], root_id: str) -> Node:
    """The tree below the span `root_id`, which need not be among the spans: a browser keeps its own."""
    known = list(spans)
    below: defaultdict[str, list[Found]] = defaultdict(list)
    for span in known:
        below[span.parent_id].append(span)

    def node(span: Found) -> Node:
        return Node(span, tuple(node(part) for part in sorted(below[span.span_id], key=lambda part: part.start_ns)))

    root = next(
        (span for span in known if span.span_id == root_id), Found("browser", "", root_id, "", "fetch", 0, 0, {})
    )
    return node(root)


def lines(tree: Node, depth: int = 0) -> Iterator[str]:
    """The tree as text, one line a span: name, service, duration, what it reports."""
    span = tree.span
    took = f"{(span.end_ns - span.start_ns) / 1e6:.1f} ms" if span.end_ns else ""
    reported = " ".join(
        f"{key.removeprefix('radgate.')}={value}" for key, value in span.attributes.items() if key.startswith(_SHOWN)
    )
    yield f"{'  ' * depth}{span.name}  [{span.service}] {took} {reported}".rstrip()
    for part in tree.parts:
        yield from lines(part, depth + 1)
