"""FeedReaders in memory."""

from datetime import datetime, timedelta

from tests.fakes.clock import FakeClock


class MemoryFeedReaders:
    """A new reader begins after the change `newest`."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.newest = 0
        self.positions: dict[str, tuple[int, str, datetime]] = {}

    async def claim(self, reader: str, holder: str, lease_s: float) -> int | None:
        now = self._clock.now()
        sequence, other, end_time = self.positions.get(reader, (self.newest, holder, now))
        if other != holder and end_time > now:
            return None
        self.positions[reader] = sequence, holder, now + timedelta(seconds=lease_s)
        return sequence

    async def advance(self, reader: str, holder: str, sequence: int) -> None:
        if self.positions[reader][1] == holder:
            self.positions[reader] = sequence, holder, self._clock.now()
