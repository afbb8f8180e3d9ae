"""The hours at which accesses are unusual, as the settings name them."""

from typing import NamedTuple


class Night(NamedTuple):
    """From one hour to another, 0 to 23, over midnight if the first is the later one."""

    begin: int = 22
    end: int = 6

    def covers(self, hour: int) -> bool:
        """Whether that hour is a part of it."""
        if self.begin <= self.end:
            return self.begin <= hour < self.end
        return hour >= self.begin or hour < self.end
