"""The errors that a worker may answer with: our own, by name. Of all others only the type's name crosses."""

from collections.abc import Callable

from radgate_server.core.errors import (
    CodecFailedError,
    GatewayError,
    ImageTooLargeError,
    InstanceMalformedError,
    InvalidArgumentError,
    NotAcceptableError,
)


def _plain(kind: type[GatewayError]) -> Callable[[str, dict[str, str]], GatewayError]:
    return lambda message, details: kind(message, **details)


def _invalid_argument(message: str, details: dict[str, str]) -> GatewayError:
    field = details.get("field", "")
    return InvalidArgumentError(field, message.removeprefix(f"{field}: "))


FAILURES: dict[str, Callable[[str, dict[str, str]], GatewayError]] = {
    CodecFailedError.__name__: _plain(CodecFailedError),
    ImageTooLargeError.__name__: _plain(ImageTooLargeError),
    InstanceMalformedError.__name__: _plain(InstanceMalformedError),
    InvalidArgumentError.__name__: _invalid_argument,
    NotAcceptableError.__name__: _plain(NotAcceptableError),
}
"""How each is made again from message and details."""
