"""Between the messages of AdminService and the words of the core: limits."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from radgate.v1 import limits_pb2 as messages
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.limits.model import LIMIT_NAMES, NETWORK_NAMES, NUMBER_NAMES, Limits, read_networks
from radgate_server.services.limits.admin import LimitsChange, LimitsState


def from_limits(message: messages.Limits, mask: Iterable[str]) -> LimitsChange:
    """What to make of limits: the fields of the mask, without one those that are given.

    Raises:
        InvalidArgumentError: the mask names no field of limits, or a network is none.
    """
    paths = set(mask) or {field.name for field, _ in message.ListFields()} - {"key_id"}
    if not paths <= set(LIMIT_NAMES):
        raise InvalidArgumentError("update_mask", "names something that is no limit, or that can't be changed")
    values = {name: _value(message, name) for name in paths}
    return lambda limits: replace(limits, **values)


def to_state(state: LimitsState) -> messages.LimitsState:
    """Render limits and what was used."""
    return messages.LimitsState(
        limits=to_limits(state.limits, state.subject.key_id),
        in_force=to_limits(state.in_force, state.subject.key_id),
        requests_today=state.used.requests,
        bytes_today=state.used.bytes,
    )


def to_limits(limits: Limits, key_id: str = "") -> messages.Limits:
    """Render limits; what is not set stays unset."""
    message = messages.Limits(key_id=key_id)
    for name in NUMBER_NAMES:
        if (value := getattr(limits, name)) is not None:
            setattr(message, name, value)
    for name in NETWORK_NAMES:
        getattr(message, name).extend(map(str, getattr(limits, name)))
    return message


def _value(message: messages.Limits, name: str) -> Any:
    if name in NETWORK_NAMES:
        return read_networks(getattr(message, name), f"limits.{name}")
    return getattr(message, name) if message.HasField(name) else None
