"""Whom of a group (a primary and its backups) an operator sends the work to. Pure decisions."""

from collections.abc import Callable

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.pacs.failover import Group

type Choice = Callable[[Group, str], str]
"""From a group and the name of its active PACS the one that shall be active."""


def choose_backup(group: Group, active: str, target: str) -> str:
    """The target, or else the backup after the active PACS in order of precedence; after the last comes the first.

    Raises:
        InvalidArgumentError: the target is no backup of the group or does the work already, or there is no idle backup.
    """
    backups = group.members[1:]
    if target and target not in backups:
        raise InvalidArgumentError("target_pacs", "is no backup of this PACS")
    if target and target == active:
        raise InvalidArgumentError("target_pacs", f"{target} does the work already")
    if target:
        return target
    at = group.members.index(active)
    idle = [name for name in (*group.members[at + 1 :], *group.members[1:at]) if name != active]
    if not idle:
        raise InvalidArgumentError("name", "has no other backup to send the work to")
    return idle[0]


def choose_primary(group: Group, active: str) -> str:
    """Whom an operator gives the work back to. Raises InvalidArgumentError if the primary does it already."""
    if active == group.primary:
        raise InvalidArgumentError("name", f"{group.primary} does the work already")
    return group.primary
