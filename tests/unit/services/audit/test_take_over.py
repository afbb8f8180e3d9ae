"""What other servers left is looked for again and again."""

import logging
from dataclasses import dataclass, field

import pytest

from radgate_server.services.audit.take_over import SpoolTakeOver


@dataclass
class Left:
    """LeftSpools with so many records at each look."""

    counts: list[int] = field(default_factory=lambda: [0, 3])

    def take_over(self) -> int:
        return self.counts.pop(0)


async def test_what_was_taken_over_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    left = Left()
    runner = SpoolTakeOver(left)
    with caplog.at_level(logging.WARNING):
        await runner.look()
        assert caplog.messages == []
        await runner.look()
    assert caplog.messages == ["3 records that another server had left in its audit spool are in the chain now"]
    await runner.close()
    assert left.counts == []
