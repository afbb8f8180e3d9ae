"""Studies of which it is doubtful whose they are (docs/adr/0034-instances-as-they-arrive.md)."""

import logging
from collections.abc import Callable

from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import FailedInstance, InstanceContent
from radgate_server.core.quarantine.ports import RefusedBytes
from radgate_server.core.quarantine.refused_instance import RefusedInstance
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.lib.clock import Clock
from radgate_server.lib.lru_cache import LruCache
from radgate_server.lib.ttl_cache import TtlCache
from radgate_server.services.pacs.arrival_check import REFUSED
from radgate_server.services.query.known_studies import KnownStudies

_log = logging.getLogger(__name__)

MAX_STUDIES = 100_000
MAX_REFUSED = 100_000
REFUSED_TTL_S = 300.0
PATIENTS_DIFFER = (
    "Instances of this study name another patient (Patient ID) than the PACS's listing or its other instances do:"
    " make sure whose it is before it is used"
)
BACKUP_DIFFERS = (
    "A backup answers for the PACS and holds this study otherwise (its patient or its instances): what is shown may be"
    " of both, or older than what the PACS holds"
)


class StudyDoubts:
    """ArrivalObserver that remembers, until the study is invalidated, what answers have to be sent with a warning.

    What is refused goes to the `quarantine`, if there is one.
    """

    def __init__(
        self, telemetry: Telemetry, studies: KnownStudies | None = None, quarantine: RefusedBytes | None = None
    ) -> None:
        self.studies = studies or KnownStudies()
        self._telemetry = telemetry
        self._quarantine = quarantine
        self._doubted: LruCache[tuple[str, str], str] = LruCache(MAX_STUDIES)
        self._backups: LruCache[tuple[str, str], str] = LruCache(MAX_STUDIES)
        self._learn: Callable[[str, str], object] = lambda _tenant_id, _study_instance_uid: None
        self._senders: LruCache[tuple[str, str], frozenset[str]] = LruCache(MAX_STUDIES)

    def instance_refused(self, tenant_id: str, pacs: str, reason: str) -> None:
        """Count and log it."""
        self._telemetry.instance_refused(tenant_id, pacs, reason)
        _log.warning("an instance was not taken from a PACS: %s", reason, extra={"tenant": tenant_id, "pacs": pacs})

    def bytes_refused(self, refused: RefusedInstance, content: InstanceContent) -> None:
        """Have them stored for a look at them."""
        if self._quarantine is not None:
            self._quarantine.offer(refused, content)

    def known_patient_id(self, tenant_id: str, study_instance_uid: str) -> str:
        """What a search or an instance said."""
        return self.studies.of_study(tenant_id, study_instance_uid).patient_id or ""

    def patient_differs(self, tenant_id: str, pacs: str, study_instance_uid: str) -> None:
        """Count it, log it once a study, and have the study's answers carry a warning."""
        self._telemetry.patient_differs(tenant_id, pacs)
        if not self.do_patients_differ(tenant_id, study_instance_uid):
            where = {"tenant": tenant_id, "pacs": pacs}
            _log.warning("a study's instances name another patient than the PACS does", extra=where)
            self.restore(tenant_id, study_instance_uid)
            self._learn(tenant_id, study_instance_uid)

    def when_patients_differ(self, learn: Callable[[str, str], object]) -> None:
        """Call `learn` with the tenant and the Study Instance UID once for each such study."""
        self._learn = learn

    def do_patients_differ(self, tenant_id: str, study_instance_uid: str) -> bool:
        """Whether instances of the study name different patients."""
        return self._doubted.get((tenant_id, study_instance_uid)) is not None

    def restore(self, tenant_id: str, study_instance_uid: str) -> None:
        """Instances of the study name different patients, as is known without counting it."""
        self._doubted.put((tenant_id, study_instance_uid), PATIENTS_DIFFER)

    def received(self, tenant_id: str, pacs: str, study_instance_uid: str) -> None:
        """Remember who sent what may be cached."""
        senders = self.senders(tenant_id, study_instance_uid)
        if pacs not in senders:
            self._senders.put((tenant_id, study_instance_uid), senders | {pacs})

    def senders(self, tenant_id: str, study_instance_uid: str) -> frozenset[str]:
        """The PACS, backups too, that sent instances of the study since its state was confirmed."""
        return self._senders.get((tenant_id, study_instance_uid)) or frozenset()

    def backup_differs(self, tenant_id: str, study_instance_uid: str) -> None:
        """Have the study's answers carry a warning until it is confirmed."""
        self._backups.put((tenant_id, study_instance_uid), BACKUP_DIFFERS)

    def confirmed(self, tenant_id: str, study_instance_uid: str) -> None:
        """Its PACS, or a backup that agrees, vouches for what is cached of the study."""
        self._backups.drop((tenant_id, study_instance_uid))
        self._senders.drop((tenant_id, study_instance_uid))

    @property
    def is_empty(self) -> bool:
        """Whether no study is in doubt."""
        return not self._doubted and not self._backups

    def warning_of(self, tenant_id: str, study_instance_uid: str) -> str:
        """What has to be said with each answer from the study, "" for nothing."""
        key = (tenant_id, study_instance_uid)
        return ". ".join(text for doubts in (self._doubted, self._backups) if (text := doubts.get(key)))

    def invalidate(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """The study, or each of the tenant, is fetched again from now on: its patient may have been corrected."""
        self.studies.invalidate(tenant_id, study_instance_uid)
        for remembered in (self._doubted, self._backups, self._senders):
            remembered.drop_where(lambda place: place[0] == tenant_id and study_instance_uid in (None, place[1]))


class RefusedInstances:
    """Instances that came and were not taken: the PACS is not asked for them again for REFUSED_TTL_S seconds."""

    def __init__(self, clock: Clock) -> None:
        self._refused: TtlCache[tuple[str, InstanceRef], FailedInstance] = TtlCache(
            ttl_s=REFUSED_TTL_S, max_weight=MAX_REFUSED, clock=clock
        )

    def of(self, tenant_id: str, ref: InstanceRef) -> FailedInstance | None:
        """Why the instance was not taken, None unless it was not."""
        return self._refused.get((tenant_id, ref))

    def learn(self, tenant_id: str, failure: FailedInstance) -> None:
        """Remember it, if it is for what the instance is and not for how the PACS does."""
        if isinstance(failure.error, REFUSED):
            self._refused.put((tenant_id, failure.ref), failure)

    def invalidate(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """Ask again from now on, for one study of the tenant or for all."""
        self._refused.drop_where(
            lambda place: place[0] == tenant_id and study_instance_uid in (None, place[1].study_instance_uid)
        )
