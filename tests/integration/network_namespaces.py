"""Machines and the wires between them, as network namespaces of this one; where the machine allows that."""

import subprocess
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

HERE = ""
"""The machine that runs the tests, as an end of a wire."""


def may_have_namespaces() -> bool:
    """Whether this machine lets us make network namespaces and interfaces."""
    try:
        with Networks() as networks:
            networks.wire(("one", "192.0.2.1/30"), ("other", "192.0.2.2/30"))
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


@dataclass
class Networks:
    """Machines by name. What was made is taken away at the end."""

    _tag: str = field(default_factory=lambda: uuid.uuid4().hex[:6])
    _machines: list[str] = field(default_factory=list)
    _wires: int = 0
    _ends: dict[str, list[str]] = field(default_factory=dict)

    def wire(self, *ends: tuple[str, str]) -> None:
        """Connect two machines; each end is a machine and its address with prefix."""
        self._wires += 1
        names = [f"v{self._tag}{self._wires}{side}" for side in "ab"]
        for machine, _ in ends:
            self._add(machine)
        _run("ip", "link", "add", names[0], "type", "veth", "peer", "name", names[1])
        for name, (machine, address) in zip(names, ends, strict=True):
            if machine != HERE:
                _run("ip", "link", "set", name, "netns", self._of(machine))
            self._ends.setdefault(machine, []).append(name)
            self.run(machine, "ip", "address", "add", address, "dev", name)
            self.run(machine, "ip", "link", "set", name, "up")

    def run(self, machine: str, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command on a machine. Raises CalledProcessError when it fails, unless `check` is False."""
        return _run(*self.prefix(machine), *command, **options)

    def prefix(self, machine: str) -> Sequence[str]:
        """What runs a command on a machine."""
        return () if machine == HERE else ("ip", "netns", "exec", self._of(machine))

    def set_links(self, machine: str, *, up: bool) -> None:
        """Let nothing pass by the wires of a machine, or everything again."""
        for name in self._ends[machine]:
            self.run(machine, "ip", "link", "set", name, "up" if up else "down")

    @contextmanager
    def running(self, machine: str, *command: str) -> Iterator[None]:
        """Run a command on a machine for the block's time."""
        process = subprocess.Popen(
            [*self.prefix(machine), *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)

    def _add(self, machine: str) -> None:
        if machine not in (HERE, *self._machines):
            _run("ip", "netns", "add", self._of(machine))
            self._machines.append(machine)
            self.run(machine, "ip", "link", "set", "lo", "up")

    def _of(self, machine: str) -> str:
        return f"{machine}-{self._tag}"

    def __enter__(self) -> Self:
        """Begin with no machine."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take all away; wires go with their ends."""
        for machine in self._machines:
            _run("ip", "netns", "delete", self._of(machine), check=False)


def _run(*command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=check, capture_output=True, text=True, timeout=60)
