"""One of the servers that share a database, and where it is kept who there is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Member:
    """One server process as it announces itself.

    `name` is its machine's; `dicom_aet` the AE title that PACS send to after a C-MOVE, if it `listens`. `address` is
    the "host:port" where others ask it for instances, "" when they can't.
    """

    member_id: str
    name: str
    version: str
    dicom_aet: str
    start_time: datetime
    address: str = ""
    listens: bool = True


class MemberRegistry(Protocol):
    """Who is there. All methods raise DatabaseUnavailableError."""

    async def announce(self, member: Member, lease_s: float) -> Sequence[Member]:
        """Be there for `lease_s` seconds more; returns all that are, in the order of their start."""
        ...

    async def withdraw(self, member_id: str) -> None:
        """Be there no more."""
        ...

    async def list_members(self) -> Sequence[Member]:
        """All that are there, in the order of their start."""
        ...


def same_title(own: Member, members: Sequence[Member]) -> Sequence[Member]:
    """Others that listen under the AE title under which `own` does.

    What is sent to it may arrive at any of them (PS3.8 7.1.1.3).
    """
    return [
        member
        for member in members
        if own.listens and member.listens and member.dicom_aet == own.dicom_aet and member.member_id != own.member_id
    ]


def listeners(own: Member, members: Sequence[Member]) -> Sequence[Member]:
    """Who can be asked to fetch by C-MOVE: other members that listen, those on the same machine first."""
    found = [member for member in members if member.listens and reaches(own, member)]
    return sorted(found, key=lambda member: member.name != own.name)


def reaches(own: Member, other: Member) -> bool:
    """Whether `own` can ask the other for instances: at its address, or on the same machine."""
    host = other.address.rpartition(":")[0]
    if not host or other.member_id == own.member_id:
        return False
    return other.name == own.name or not host.startswith(("127.", "[::1]", "localhost"))
