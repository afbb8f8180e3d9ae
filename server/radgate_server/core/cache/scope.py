"""Which instances of a tenant an invalidation concerns: a plain value that a message or a row can carry."""

import json
from dataclasses import asdict, dataclass

from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import Origin


@dataclass(frozen=True, slots=True)
class CacheScope:
    """A tenant's instances that match all fields that are set: "" and None match any.

    A series is given with its study, an instance with its series. `pacs` is the one that sent the instance, and
    `fetched_before_s` the time before which it was fetched from there, in seconds since 1970.
    """

    tenant_id: str
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    sop_instance_uid: str = ""
    pacs: str = ""
    fetched_before_s: float | None = None

    @property
    def is_part(self) -> bool:
        """Whether it is less than a whole study, or than all of the tenant."""
        return bool(self.series_instance_uid or self.pacs) or self.fetched_before_s is not None

    @property
    def by_origin(self) -> bool:
        """Whether it takes an instance's origin to know if it is covered."""
        return bool(self.pacs) or self.fetched_before_s is not None

    def covers(self, ref: InstanceRef, origin: Origin) -> bool:
        """Whether the tenant's instance is in the scope; one of unknown origin may be, and is."""
        wanted = (self.study_instance_uid, self.series_instance_uid, self.sop_instance_uid)
        if any(uid not in ("", own) for uid, own in zip(wanted, ref, strict=True)):
            return False
        if self.pacs and origin.pacs not in ("", self.pacs):
            return False
        before_s, fetched_s = self.fetched_before_s, origin.fetched_s
        return before_s is None or fetched_s is None or fetched_s < before_s

    def encode(self) -> str:
        """The scope as text."""
        return json.dumps({name: value for name, value in asdict(self).items() if value not in ("", None)})

    @classmethod
    def decode(cls, text: str) -> "CacheScope":
        """Read what `encode` made. Raises ValueError or TypeError for anything else."""
        return cls(**json.loads(text))
