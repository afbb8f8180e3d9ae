"""Opening a viewer's stream of frames: what it may expect, and in which order a viewer shows it."""

from collections.abc import Iterable
from dataclasses import dataclass

from radgate_server.core.dicom.data_sets import first_value
from radgate_server.core.dicom.identifiers import InstanceRef, QueryLevel, RetrieveScope
from radgate_server.core.errors import PacsError
from radgate_server.core.imaging.frame_order import FrameOrder
from radgate_server.services.imaging.pictures.ordered_contents import OrderedContents
from radgate_server.services.imaging.stored_frames import StoredFrames
from radgate_server.services.imaging.streaming.arrival_order import ArrivingSeries
from radgate_server.services.imaging.streaming.frame_stream import FrameStream
from radgate_server.services.imaging.streaming.open_views import OpenViews
from radgate_server.services.imaging.streaming.previews import Previews
from radgate_server.services.imaging.streaming.progressive_frames import ProgressiveFrames
from radgate_server.services.imaging.transcode import Transcoder
from radgate_server.services.retrieve.listing import StudyLister
from radgate_server.services.retrieve.retrieval import RetrieveService

_SOP_INSTANCE_UID = "00080018"


@dataclass(frozen=True, slots=True)
class OpenedStream:
    """A stream, how many instances it may expect, and the PACS that did not answer and might hold more."""

    stream: FrameStream
    instances: int
    unanswered: tuple[str, ...]


class FrameStreams:
    """Opens them. `ahead` frames of each are encoded before their turn; `views` are those of viewers apart."""

    def __init__(
        self,
        lister: StudyLister,
        ordered_contents: OrderedContents,
        retrieve: RetrieveService,
        frames: StoredFrames,
        transcoder: Transcoder,
        previews: Previews,
        views: OpenViews,
        *,
        ahead: int,
    ) -> None:
        self._lister = lister
        self._ordered_contents = ordered_contents
        self._retrieve = retrieve
        self._frames = frames
        self._transcoder = transcoder
        self._previews = previews
        self.views = views
        self._ahead = ahead

    async def open(
        self, tenant_id: str, scope: RetrieveScope, *, rows: int, columns: int, previews: bool
    ) -> OpenedStream:
        """Open the scope; the first piece of each frame shows at least `rows` by `columns`, all of it for 0 by 0.

        With `previews`, what would take long comes as a small picture before.

        Raises:
            ObjectNotFoundError: no PACS of the tenant has the scope.
            PacsError: it can't be determined, because a PACS failed.
        """
        listing = await self._lister.shown(tenant_id, scope)
        refs = in_order((entry.ref for entry in listing.listed), await self._shown(tenant_id, scope))
        order = FrameOrder(refs)
        arriving = ArrivingSeries(self._retrieve, tenant_id, by_series(scope, refs), order.rank)
        frames = ProgressiveFrames(
            tenant_id,
            self._retrieve,
            self._frames,
            self._transcoder,
            self._previews if previews else None,
            rows=rows,
            columns=columns,
        )
        stream = FrameStream(order, arriving, frames, ahead=self._ahead)
        return OpenedStream(stream, len(refs), listing.unanswered)

    async def _shown(self, tenant_id: str, scope: RetrieveScope) -> list[str]:
        """SOP Instance UIDs series by series, by Instance Number; none when the PACS doesn't report them."""
        try:
            matches = await self._ordered_contents.search(tenant_id, QueryLevel.IMAGE, scope)
        except PacsError:  # the order is a convenience; what is listed can be streamed in any
            return []
        return [first_value(match, _SOP_INSTANCE_UID) for match in matches]


def in_order(refs: Iterable[InstanceRef], shown: Iterable[str]) -> list[InstanceRef]:
    """The instances as they are shown; those of which that is not known come last."""
    places = {uid: place for place, uid in enumerate(shown)}
    return sorted(refs, key=lambda ref: places.get(ref.sop_instance_uid, len(places)))


def by_series(scope: RetrieveScope, refs: Iterable[InstanceRef]) -> dict[RetrieveScope, list[InstanceRef]]:
    """The instances of each series under the scope in which they are fetched: the series, or the one instance."""
    series: dict[RetrieveScope, list[InstanceRef]] = {}
    for ref in refs:
        one = RetrieveScope(scope.study_instance_uid, ref.series_instance_uid, scope.sop_instance_uid)
        series.setdefault(one, []).append(ref)
    return series
