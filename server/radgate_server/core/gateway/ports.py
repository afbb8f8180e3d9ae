"""Where a listening port's TLS comes from."""

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """PEM texts that belong together. `client_ca` is b"" when clients are not asked for a certificate."""

    certificate_chain: bytes
    private_key: bytes = field(repr=False)
    client_ca: bytes = b""


class TlsSource(Protocol):
    """What is in use now; it may be read in any thread."""

    @property
    def current(self) -> TlsMaterial:
        """The newest that was found good."""
        ...
