"""Machines and the wires between them, as network namespaces of this one; where the machine allows that."""

import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self


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

    def wire(self, *ends: tuple[str, str]) -> None:
        """Connect two machines; each end is a machine and its address with prefix."""
        self._wires += 1
        names = [f"v{self._tag}{self._wires}{side}" for side in "ab"]
        for machine, _ in ends:
            self._add(machine)
        _run("ip", "link", "add", names[0], "type", "veth", "peer", "name", names[1])
        for name, (machine, address) in zip(names, ends, strict=True):
            _run("ip", "link", "set", name, "netns", self._of(machine))
            self.run(machine, "ip", "address", "add", address, "dev", name)
            self.run(machine, "ip", "link", "set", name, "up")

    def run(self, machine: str, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command on a machine. Raises CalledProcessError when it fails, unless `check` is False."""
        return _run("ip", "netns", "exec", self._of(machine), *command, **options)

    @contextmanager
    def running(self, machine: str, *command: str) -> Iterator[None]:
        """Run a command on a machine for the block's time."""
        inside = ["ip", "netns", "exec", self._of(machine), *command]
        process = subprocess.Popen(inside, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)

    def _add(self, machine: str) -> None:
        if machine not in self._machines:
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
