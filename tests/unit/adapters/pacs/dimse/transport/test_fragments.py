"""How much memory fragments take in transit."""

import tracemalloc
from types import SimpleNamespace
from typing import Any, cast

import pytest

from radgate_server.adapters.pacs.dimse.messages.message_layer import EncodedMessages
from radgate_server.adapters.pacs.dimse.transport.receive_budget import ReceiveBudget, Share

COUNT = 20_000


def pdus(lengths: list[int], pdu_bytes: int) -> list[memoryview]:
    """Fragments, each cut out of a PDU of its own."""
    return [memoryview(bytearray(b"x" * pdu_bytes))[:length] for length in lengths]


def receiving() -> EncodedMessages:
    """A provider in the middle of a message, without an association."""
    messages = EncodedMessages(cast("Any", SimpleNamespace()))
    messages.share = Share(1 << 30, ReceiveBudget(1 << 30))
    messages._primitive = SimpleNamespace(DataSet=None)
    return messages


@pytest.mark.parametrize(
    ("length", "pdu_bytes", "count"),
    [(0, 6, COUNT), (1, 7, COUNT), (100, 106, COUNT), (5000, 1 << 20, 20)],
)
def test_fragments_take_about_what_is_counted_of_them(length: int, pdu_bytes: int, count: int) -> None:
    messages = receiving()
    tracemalloc.start()
    try:
        for _ in range(count):
            messages.receive_fragment(1, 0, *pdus([length], pdu_bytes))
        held_bytes = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held_bytes < 2 * length * count + 20_000


def test_fragments_of_all_sizes_are_joined_in_their_order() -> None:
    messages = receiving()
    parts = [bytes([number]) * length for number, length in enumerate((1, 0, 5000, 7, 7, 60_000, 60_000, 3))]
    for part in parts:
        messages.receive_fragment(1, 2 if part is parts[-1] else 0, memoryview(part))
    assert messages.get_msg()[1].DataSet.getvalue() == b"".join(parts)
