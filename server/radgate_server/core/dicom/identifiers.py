"""UIDs and the places that they name in DICOM's information model (PS3.3 7, PS3.5 9)."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from radgate_server.core.errors import InvalidArgumentError

_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_SLUG = re.compile(r"[a-z][a-z0-9-]{0,62}")
MAX_UID_LENGTH = 64


class QueryLevel(StrEnum):
    """Query/Retrieve Level (0008,0052) as DIMSE spells it (PS3.4 C.6)."""

    STUDY = "STUDY"
    SERIES = "SERIES"
    IMAGE = "IMAGE"


class InstanceRef(NamedTuple):
    """The place of one instance."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class RetrieveScope:
    """A study, one of its series, or one instance: what a retrieve asks for."""

    study_instance_uid: str
    series_instance_uid: str | None = None
    sop_instance_uid: str | None = None

    @property
    def level(self) -> QueryLevel:
        """The Query/Retrieve Level at which this is asked."""
        if self.sop_instance_uid is not None:
            return QueryLevel.IMAGE
        return QueryLevel.STUDY if self.series_instance_uid is None else QueryLevel.SERIES

    def contains(self, ref: InstanceRef) -> bool:
        """Whether the instance lies in the scope."""
        return (
            ref.study_instance_uid == self.study_instance_uid
            and self.series_instance_uid in (None, ref.series_instance_uid)
            and self.sop_instance_uid in (None, ref.sop_instance_uid)
        )

    def covers(self, other: "RetrieveScope") -> bool:
        """Whether everything in `other` lies in this scope."""
        return (
            self.study_instance_uid == other.study_instance_uid
            and self.series_instance_uid in (None, other.series_instance_uid)
            and self.sop_instance_uid in (None, other.sop_instance_uid)
        )


def is_uid(value: str) -> bool:
    """Whether `value` can be a UID; leading zeros in a component pass, as `parse_uid` says."""
    return len(value) <= MAX_UID_LENGTH and _UID.fullmatch(value) is not None


def parse_uid(value: str, field: str) -> str:
    """Return `value` if it can be a UID: 1 to 64 of digits and single dots (PS3.5 9.1).

    Leading zeros in a component break the standard but occur in real archives, so they pass.

    Raises:
        InvalidArgumentError: naming `field`.
    """
    if not is_uid(value):
        raise InvalidArgumentError(field, "a UID has 1 to 64 characters, digits and single dots (PS3.5 9.1)")
    return value


def parse_scope(study: str, series: str = "", instance: str = "") -> RetrieveScope:
    """Check the UIDs of a retrieve; empty ones are not given.

    Raises:
        InvalidArgumentError: for a malformed UID, or an instance without its series.
    """
    if instance and not series:
        raise InvalidArgumentError("series_instance_uid", "must be given with sop_instance_uid")
    return RetrieveScope(
        parse_uid(study, "study_instance_uid"),
        parse_uid(series, "series_instance_uid") if series else None,
        parse_uid(instance, "sop_instance_uid") if instance else None,
    )


def parse_slug(value: str, field: str) -> str:
    """Return `value` if it can name a tenant or a PACS: 1 to 63 of a-z, 0-9 and `-`, a letter first.

    Raises:
        InvalidArgumentError: naming `field`.
    """
    if not _SLUG.fullmatch(value):
        raise InvalidArgumentError(field, "1 to 63 characters of a-z, 0-9 and '-', starting with a letter")
    return value
