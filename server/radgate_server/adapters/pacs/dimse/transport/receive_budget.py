"""How much of what peers send may lie in memory: of one association, and of all together."""

import threading


class ReceiveBudget:
    """Bytes that several associations share. In any thread."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._used_bytes = 0

    @property
    def used_bytes(self) -> int:
        """What is taken now."""
        return self._used_bytes

    def take(self, count: int) -> bool:
        """Take so many bytes if they are free; False, and nothing taken, when they are not."""
        with self._lock:
            if self._used_bytes + count > self._limit_bytes:
                return False
            self._used_bytes += count
            return True

    def give_back(self, count: int) -> None:
        """Give back what was taken."""
        with self._lock:
            self._used_bytes -= count


class Share:
    """What one association takes of a room, `limit_bytes` at most."""

    def __init__(self, limit_bytes: int, room: ReceiveBudget) -> None:
        self._limit_bytes = limit_bytes
        self._room = room
        self._lock = threading.Lock()
        self._held_bytes = 0
        self._closed = False

    def take(self, count: int) -> bool:
        """Take so many bytes if there is room; False, and nothing taken, when there is none."""
        with self._lock:
            if self._closed or self._held_bytes + count > self._limit_bytes or not self._room.take(count):
                return False
            self._held_bytes += count
            return True

    def give_back(self, count: int) -> None:
        """Give back what was taken; after `close` there is nothing left of it."""
        with self._lock:
            given = min(count, self._held_bytes)
            self._held_bytes -= given
        self._room.give_back(given)

    def close(self) -> None:
        """Give all back, and take nothing any more."""
        with self._lock:
            self._closed = True
            held = self._held_bytes
        self.give_back(held)
