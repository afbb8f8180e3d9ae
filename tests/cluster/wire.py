"""Where the machines of a cluster are: all on this one, or the second behind a wire that can be cut."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.integration.network_namespaces import HERE, Networks

LOOPBACK = "127.0.0.1"
_OTHER = "other"
_HERE_ADDRESS, _OTHER_ADDRESS = "198.51.100.1", "198.51.100.2"  # RFC 5737, for examples: nobody else has them


@dataclass(frozen=True)
class Place:
    """The address of a machine, and the command that runs another on it."""

    host: str = LOOPBACK
    prefix: Sequence[str] = ()


@dataclass(frozen=True)
class Wire:
    """Between this machine and another. Without networks they are one machine, and nothing can be cut."""

    networks: Networks | None = None

    @property
    def apart(self) -> bool:
        """Whether there are two."""
        return self.networks is not None

    @property
    def places(self) -> Sequence[Place]:
        """Of the first machine, which has the engines, the PACS and Envoy, and of the second."""
        if self.networks is None:
            return Place(), Place()
        return Place(_HERE_ADDRESS), Place(_OTHER_ADDRESS, self.networks.prefix(_OTHER))

    def cut(self) -> None:
        """Let nothing pass, and tell nobody."""
        self._set(up=False)

    def mend(self) -> None:
        """Let everything pass again."""
        self._set(up=True)

    def _set(self, *, up: bool) -> None:
        assert self.networks is not None, "the machines are one"
        self.networks.set_links(_OTHER, up=up)


ONE_MACHINE = Wire()


@contextmanager
def two_machines() -> Iterator[Wire]:
    """This machine and a network namespace, which needs the rights of root."""
    with Networks() as networks:
        networks.wire((HERE, f"{_HERE_ADDRESS}/30"), (_OTHER, f"{_OTHER_ADDRESS}/30"))
        yield Wire(networks)
