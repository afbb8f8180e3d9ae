"""Parts of values that lie in several places of a file."""

from typing import cast

import pytest

from radgate_server.core.dicom.instance_index import Span
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.services.retrieve.spanned import SpannedValue, cut_spans

FILE = bytes(range(100))


class File:
    """InstanceHandle of FILE."""

    async def read(self, offset: int, length: int) -> bytes:
        return FILE[offset : offset + length]


@pytest.mark.parametrize(
    ("offset", "length", "cut"),
    [
        (0, None, (Span(10, 4), Span(30, 6))),
        (2, None, (Span(12, 2), Span(30, 6))),
        (4, 3, (Span(30, 3),)),
        (3, 2, (Span(13, 1), Span(30, 1))),
        (9, 1, (Span(35, 1),)),
        (10, None, ()),
    ],
)
def test_a_range_is_cut_across_spans(offset: int, length: int | None, cut: tuple[Span, ...]) -> None:
    assert cut_spans((Span(10, 4), Span(30, 6)), offset, length) == cut


async def test_every_part_of_a_value_is_what_the_spans_joined_have_there() -> None:
    spans = (Span(10, 4), Span(50, 0), Span(30, 6), Span(20, 1))
    whole = b"".join(FILE[span.offset : span.offset + span.length] for span in spans)
    value = SpannedValue(cast("InstanceHandle", File()), spans)
    parts = [(offset, end) for offset in range(len(whole)) for end in range(offset + 1, len(whole) + 1)]
    assert [await value.read(offset, end - offset) for offset, end in parts] == [whole[a:b] for a, b in parts]


async def test_spans_apart_from_the_part_are_not_looked_at() -> None:
    class Counted(tuple[Span, ...]):
        seen = 0

        def __getitem__(self, item: slice) -> tuple[Span, ...]:  # type: ignore[override]
            found = tuple(self)[item]
            Counted.seen += len(found)
            return found

    spans = Counted(Span(number, 1) for number in range(len(FILE)))
    assert await SpannedValue(cast("InstanceHandle", File()), spans).read(60, 3) == FILE[60:63]
    assert Counted.seen == 3
