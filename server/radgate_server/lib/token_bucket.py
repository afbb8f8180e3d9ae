"""A token bucket: pure state that is given the time in seconds of a clock that only grows."""

_ROUNDING = 1e-6  # of a token: who waits as long as was said finds one


class TokenBucket:
    """`rate` tokens a second come in, `capacity` are kept at most. It begins full.

    `left` is how many there were when it was last looked at (below 0 in debt): since then they have become no fewer.
    """

    # Each request takes from several buckets, so what `claim` and `take` have in common is written out twice.
    __slots__ = ("_seen_s", "capacity", "left", "rate", "taken")

    def __init__(self, rate: float, capacity: float, now_s: float) -> None:
        self.rate = rate
        self.capacity = capacity
        self.taken = 0.0
        self.left = capacity
        self._seen_s = now_s

    def level(self, now_s: float) -> float:
        """How many tokens there are; below 0 in debt."""
        self.left = min(self.capacity, self.left + (now_s - self._seen_s) * self.rate)
        self._seen_s = now_s
        return self.left

    def wait_s(self, now_s: float, tokens: float = 1) -> float:
        """Seconds until so many can be taken, 0 for now."""
        lacking = tokens - self.level(now_s)
        return lacking / self.rate if lacking > _ROUNDING else 0.0

    def claim(self, now_s: float) -> float:
        """Take one token, and return 0; or, when there is none, take nothing and return the seconds until there is."""
        left = self.left + (now_s - self._seen_s) * self.rate
        self._seen_s = now_s
        if left > self.capacity:
            left = self.capacity
        if (lacking := 1 - left) > _ROUNDING:
            self.left = left
            return lacking / self.rate
        self.left = left - 1
        self.taken += 1
        return 0.0

    def take(self, now_s: float, tokens: float = 1) -> float:
        """Take them (less than 0: give back), into debt if need be; returns the seconds until the debt is paid."""
        left = self.left + (now_s - self._seen_s) * self.rate
        self._seen_s = now_s
        if left > self.capacity:
            left = self.capacity
        self.left = left = left - tokens
        self.taken += tokens
        return 0.0 if left >= 0 else -left / self.rate

    def settle(self, now_s: float, level: float, reported: float) -> None:
        """Go by what all processes together left, once `reported` of what was taken here is counted in it."""
        self.taken -= reported
        self.left = min(self.capacity, level) - self.taken
        self._seen_s = now_s

    def discard_report(self, reported: float) -> None:
        """Discard a report of use that could not be sent in time."""
        self.taken -= reported
