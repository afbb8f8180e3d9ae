"""A token bucket: pure state, told the time in seconds of a clock that only grows."""

_ROUNDING = 1e-6  # of a token: who waits as long as was said finds one


class TokenBucket:
    """`rate` tokens a second come in, `capacity` are kept at most. It begins full."""

    __slots__ = ("_level", "_seen_s", "capacity", "rate", "taken")

    def __init__(self, rate: float, capacity: float, now_s: float) -> None:
        self.rate = rate
        self.capacity = capacity
        self.taken = 0.0
        self._level = capacity
        self._seen_s = now_s

    def level(self, now_s: float) -> float:
        """How many tokens there are; below 0 in debt."""
        self._level = min(self.capacity, self._level + (now_s - self._seen_s) * self.rate)
        self._seen_s = now_s
        return self._level

    def wait_s(self, now_s: float, tokens: float = 1) -> float:
        """Seconds until so many can be taken, 0 for now."""
        lacking = tokens - self.level(now_s)
        return lacking / self.rate if lacking > _ROUNDING else 0.0

    def take(self, now_s: float, tokens: float = 1) -> float:
        """Take them (less than 0: give back), into debt if need be; returns the seconds until the debt is paid."""
        self._level = level = self.level(now_s) - tokens
        self.taken += tokens
        return 0.0 if level >= 0 else -level / self.rate

    def settle(self, now_s: float, level: float, reported: float) -> None:
        """Go by what all processes together left, once `reported` of what was taken here is counted in it."""
        self.taken -= reported
        self._level = min(self.capacity, level) - self.taken
        self._seen_s = now_s

    def forgive(self, reported: float) -> None:
        """Report no more what could not be reported."""
        self.taken -= reported
