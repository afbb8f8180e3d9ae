"""What the gateway in front of the server has answered, and how much of it by itself."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GatewayAnswers:
    """Since it started: answers by class of status ("5xx"), and those that it gave in the server's place, by reason."""

    by_class: Mapping[str, int]
    own: Mapping[str, int]
