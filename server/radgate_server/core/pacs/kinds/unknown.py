"""A stored PACS whose kind this installation does not know, such as one that a newer release or another build added."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, override

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.pacs.kinds.kind import PacsConnection
from radgate_server.core.secrets.secret import NO_SECRET, SecretSource


@dataclass(frozen=True, slots=True)
class UnknownConnection(PacsConnection):
    """What is stored of a PACS of another installation's kind: it is listed, kept as it is, and can't be connected.

    `document` is the stored connection, without its secret; `misfit` is its first field that does not fit the kind, ""
    when the kind itself is unknown. `failure` says why what provides the kind can't be used, "" when nothing does.
    """

    kind: str
    document: Mapping[str, Any] = field(hash=False)
    password: SecretSource = NO_SECRET
    misfit: str = ""
    failure: str = ""

    @property
    @override
    def unusable(self) -> str:
        if self.misfit:
            return (
                f"the field {self.misfit!r} of its stored settings does not fit the kind {self.kind!r}: run the "
                "release that stored it on each server, or remove the PACS and add it again"
            )
        if self.failure:
            return f"the kind {self.kind!r} can't be used: {self.failure}"
        return (
            f"this installation knows no PACS of the kind {self.kind!r}: install what provides the kind on each server "
            "and restart it, or remove the PACS"
        )

    @override
    def checked(self) -> Self:
        raise InvalidArgumentError("pacs.connection", self.unusable)

    @property
    @override
    def endpoint(self) -> str:
        return f"{self.kind}:unknown"

    @property
    @override
    def place(self) -> tuple[str, ...]:
        return (self.kind, *(f"{name}={self.document[name]}" for name in sorted(self.document)))

    @property
    @override
    def summary(self) -> str:
        if self.misfit:
            return "unusable: its settings do not fit"
        return "unusable: its adapter failed" if self.failure else "unusable: its kind is unknown"

    @property
    @override
    def max_parallel(self) -> int:
        return 1
