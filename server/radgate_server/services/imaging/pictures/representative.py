"""Which instance stands for a series, and which series for a study, without fetching any of them."""

import re
from collections.abc import Awaitable, Callable, Sequence

from radgate_server.core.dicom.data_sets import DicomJson, first_value
from radgate_server.core.dicom.identifiers import InstanceRef, QueryLevel, RetrieveScope
from radgate_server.core.errors import InstanceMalformedError, InstanceMismatchError
from radgate_server.lib.answer_cache import AnswerCache
from radgate_server.services.imaging.pictures.ordered_contents import OrderedContents
from radgate_server.services.retrieve.listing import SOP_CLASS_UID, StudyLister

_SERIES_INSTANCE_UID, _SOP_INSTANCE_UID, _MODALITY = "0020000E", "00080018", "00080060"

_MAX_DAMAGED = 10_000
_OTHERS_TRIED = 2
"""Each costs a fetch. Where three are damaged, more may be."""
_NOT_TO_BE_SEEN = re.compile(
    "ANN|ASMT|AU|DOC|ECG|EEG|EMG|EOG|EPS|FID|HD|KO|M3D|OPM|OPV|PLAN|POS|PR|REG|RESP|RTPLAN|RTRECORD|RTSTRUCT|RWV|SEG"
    "|SMR|SR|STAIN|TEXTUREMAP"
)
"""Modalities (PS3.3 C.7.3.1.1.1) of series without images of the patient, or with images that only lie over others."""

_WITHOUT_IMAGES = re.compile(
    r"1\.2\.840\.10008\.5\.1\.4\.1\.1\.(?:(?:9|11|68|78|79|80|88|90|104)\..+|66|66\.[12356]|67|481\.[3-58])"
)
"""Storage SOP Classes (PS3.4 B.5): waveforms, presentation states, surfaces, lenses and refraction, structured reports,
assessments, encapsulated documents, raw data, registrations and fiducials, real world values, structure sets, plans."""


class Representatives:
    """Asks the PACS for numbers and classes, and chooses. Answers are remembered as those of every query are."""

    def __init__(self, ordered_contents: OrderedContents, lister: StudyLister) -> None:
        self._ordered_contents = ordered_contents
        self._lister = lister
        self._damaged: AnswerCache[tuple[str, InstanceRef], bool] = AnswerCache(_MAX_DAMAGED)

    def invalidate(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """Take no instance of the study, or of any of the tenant, for damaged any more."""
        self._damaged.invalidate(
            lambda key: key[0] == tenant_id and study_instance_uid in (None, key[1].study_instance_uid)
        )

    async def shown[Picture](
        self, tenant_id: str, scope: RetrieveScope, show: Callable[[InstanceRef], Awaitable[Picture]]
    ) -> Picture:
        """What `show` makes of the instance that stands for the scope; where that is damaged, of another one.

        Raises:
            GatewayError: as `of` and `show`; of a scope of which several are damaged, what `show` raised last.
        """
        for _ in range(_OTHERS_TRIED):
            ref = await self.of(tenant_id, scope)
            with self._damaged.loading() as load:
                try:
                    return await show(ref)
                except (InstanceMalformedError, InstanceMismatchError):
                    if scope.sop_instance_uid:
                        raise
                    load.put((tenant_id, ref), True)
        return await show(await self.of(tenant_id, scope))

    async def of(self, tenant_id: str, scope: RetrieveScope) -> InstanceRef:
        """The instance that stands for a series, or for a study; an instance stands for itself.

        Of a study that is the first series, by Series Number, with images of the patient; of a series the middle one,
        by Instance Number, of its images. When there are no images, it is the first or middle one of what there is.

        Raises:
            ObjectNotFoundError: no PACS of the tenant has the scope.
            PacsError: it can't be determined, because a PACS failed.
        """
        study = scope.study_instance_uid
        if scope.series_instance_uid and scope.sop_instance_uid:
            return InstanceRef(study, scope.series_instance_uid, scope.sop_instance_uid)
        series = scope.series_instance_uid or await self._first_series(tenant_id, study)
        of_series = RetrieveScope(study, series or None)
        matches = await self._ordered_contents.search(tenant_id, QueryLevel.IMAGE, of_series, (SOP_CLASS_UID,))
        sound = [match for match in matches if not self._damaged.get((tenant_id, _place(study, match)))]
        if chosen := choose_instance(sound or matches):
            return _place(study, chosen)
        listed = (await self._lister.shown(tenant_id, scope)).listed  # says why there is nothing
        return listed[(len(listed) - 1) // 2].ref

    async def _first_series(self, tenant_id: str, study: str) -> str:
        matches = await self._ordered_contents.search(tenant_id, QueryLevel.SERIES, RetrieveScope(study), (_MODALITY,))
        chosen = choose_series(matches)
        return first_value(chosen, _SERIES_INSTANCE_UID) if chosen else ""


def _place(study: str, match: DicomJson) -> InstanceRef:
    return InstanceRef(study, first_value(match, _SERIES_INSTANCE_UID), first_value(match, _SOP_INSTANCE_UID))


def choose_series(matches: Sequence[DicomJson]) -> DicomJson | None:
    """The first of a study's series, which come sorted by their numbers, that shows the patient; else the first."""
    seen = (match for match in matches if not _NOT_TO_BE_SEEN.fullmatch(first_value(match, _MODALITY)))
    return next(seen, next(iter(matches), None))


def choose_instance(matches: Sequence[DicomJson]) -> DicomJson | None:
    """The middle one of the images among instances that come sorted by their numbers, else of all; None of none."""
    images = [match for match in matches if may_have_images(first_value(match, SOP_CLASS_UID))] or matches
    return images[(len(images) - 1) // 2] if images else None


def may_have_images(sop_class_uid: str) -> bool:
    """Whether instances of the class can have pixels; what is not known, can."""
    return _WITHOUT_IMAGES.fullmatch(sop_class_uid) is None
