"""What an operator chooses to have dropped from the caches."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from radgate_server.core.cache.scope import CacheScope
from radgate_server.core.dicom.identifiers import RetrieveScope, parse_slug, parse_uid
from radgate_server.core.errors import InvalidArgumentError


@dataclass(frozen=True, slots=True)
class CacheSelection:
    """Everything of the tenant that matches all that is set; "" and None match any.

    `pacs` is the one that sent it; `older_than` is how long ago it was fetched there, at least.
    """

    study_instance_uid: str = ""
    series_instance_uid: str = ""
    sop_instance_uid: str = ""
    pacs: str = ""
    older_than: timedelta | None = None

    def scope(self, tenant_id: str, now: datetime) -> CacheScope:
        """The scope that is invalidated.

        Raises:
            InvalidArgumentError: a UID or name is none, or something stands without what it is part of.
        """
        uids = {
            "study_instance_uid": self.study_instance_uid,
            "series_instance_uid": self.series_instance_uid,
            "sop_instance_uid": self.sop_instance_uid,
        }
        for name, uid in uids.items():
            if uid:
                parse_uid(uid, name)
        if self.series_instance_uid and not self.study_instance_uid:
            raise InvalidArgumentError("study_instance_uid", "a series is chosen with its study: give both UIDs")
        if self.sop_instance_uid and not self.series_instance_uid:
            text = "an instance is chosen with its series: give all three UIDs"
            raise InvalidArgumentError("series_instance_uid", text)
        if self.pacs:
            parse_slug(self.pacs, "pacs")
        if self.older_than is not None and self.older_than < timedelta(0):
            raise InvalidArgumentError("older_than", "must be 0 seconds or more")
        before_s = None if self.older_than is None else (now - self.older_than).timestamp()
        return CacheScope(tenant_id, **uids, pacs=self.pacs, fetched_before_s=before_s)

    def retrieve_scope(self) -> RetrieveScope | None:
        """The study, series or instance that is named, None when none is."""
        if not self.study_instance_uid:
            return None
        return RetrieveScope(self.study_instance_uid, self.series_instance_uid or None, self.sop_instance_uid or None)

    def audited(self) -> str:
        """What is chosen besides study, series and instance, for the audit trail."""
        of_pacs = f" of PACS {self.pacs}" if self.pacs else ""
        older = "" if self.older_than is None else f" fetched {round(self.older_than.total_seconds())} s ago or earlier"
        return of_pacs + older
