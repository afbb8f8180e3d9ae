"""A redis.Redis in memory, as far as shared answers use it. It knows no time: nothing expires."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class MemoryRedis:
    """Values by name, which a test may look at and change."""

    def __init__(self) -> None:
        self.values: dict[str, tuple[bytes, int]] = {}

    def set(self, name: str, value: bytes, *, px: int) -> None:
        self.values[name] = (value, px)

    def delete(self, name: str) -> None:
        self.values.pop(name, None)

    @contextmanager
    def pipeline(self, *, transaction: bool) -> Iterator["_Pipeline"]:
        assert not transaction
        yield _Pipeline(self.values)

    def close(self) -> None:
        """Nothing is open."""

    async def all(self) -> dict[str, bytes]:
        """The values."""
        return {name: value for name, (value, _) in self.values.items()}

    async def put(self, name: str, data: bytes) -> None:
        """Another value in its place, which stays as long."""
        self.values[name] = (data, self.values[name][1])


class _Pipeline:
    """Commands that are answered together."""

    def __init__(self, values: dict[str, tuple[bytes, int]]) -> None:
        self._values = values
        self._answers: list[Any] = []

    def get(self, name: str) -> None:
        self._answers.append(self._values.get(name, (None, 0))[0])

    def pttl(self, name: str) -> None:
        self._answers.append(self._values[name][1] if name in self._values else -2)

    def execute(self) -> list[Any]:
        return self._answers
