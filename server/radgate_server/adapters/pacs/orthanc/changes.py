"""The PacsChanges role: /changes, and a look at the statistics for what the feed does not state."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from radgate_server.adapters.pacs.orthanc.feed import Counts, Page, read_counts, read_page, removals, studies_of
from radgate_server.adapters.pacs.orthanc.known_studies import KnownStudies
from radgate_server.adapters.pacs.orthanc.labels import LabelledStudies
from radgate_server.adapters.pacs.orthanc.rest import OrthancRest, readable
from radgate_server.core.pacs.ports import ChangeBatch, StudyChange

_PAGE = 1000
_BEYOND = str(2**62)


@dataclass(frozen=True, slots=True)
class _Baseline:
    """What Orthanc held at a place of the feed, and when that was by its own clock."""

    last: int
    counts: Counts
    time: str


class OrthancChanges:
    """PacsChanges over Orthanc's feed, for one follower: deletions are reported once, to the one that continues."""

    def __init__(self, rest: OrthancRest, known: KnownStudies, labelled: LabelledStudies) -> None:
        self._rest = rest
        self._known = known
        self._labelled = labelled
        self._baseline: _Baseline | None = None
        self._came = Counts()
        self._reported_up_to = -1

    async def changes_after(self, last: int | None) -> ChangeBatch:
        """Ask for the next page of the feed; at its end, also for what is gone."""
        if last is None:
            return await self._begin()
        page = await self._page(since=str(last), limit=str(_PAGE))
        if page.last < last:  # it was set up again
            begin = await self._begin()
            return ChangeBatch((StudyChange("", removed=True),), begin.last, more=False)
        if last != self._reported_up_to:  # what came before is not counted: there is nothing to compare with
            self._baseline, self._came, self._reported_up_to = None, Counts(), last
        changed = await self._changed(page.touched, doubtful=self._baseline is None)
        came = self._came.plus(page.new)
        gone = await self._removals(page.last, came) if page.done else None
        hidden = () if gone is None else await self._hidden()
        self._came = came if gone is None else Counts()
        self._reported_up_to = page.last
        return ChangeBatch(tuple(dict.fromkeys((*changed, *(gone or ()), *hidden))), page.last, more=not page.done)

    async def _begin(self) -> ChangeBatch:
        self._baseline, self._came = await self._look(), Counts()
        self._reported_up_to = self._baseline.last if self._baseline is not None else await self._end()
        return ChangeBatch((), self._reported_up_to, more=False)

    async def _changed(self, touched: Iterable[str], *, doubtful: bool) -> list[StudyChange]:
        studies = await self._studies(touched)
        for study_id, (uid, _) in studies.items():
            self._known.add(study_id, uid)
        return [StudyChange(uid, removed=False, doubtful=doubtful) for uid, _ in studies.values()]

    async def _removals(self, last: int, came: Counts) -> tuple[StudyChange, ...] | None:
        """What went; None when it can't be determined now, as something came meanwhile: the next look will show."""
        now = await self._look()
        if now is None or now.last != last:
            return None
        changes: tuple[StudyChange, ...] = ()
        before = self._baseline
        if before is not None:
            gone = before.counts.plus(came).minus(now.counts)
            changes = await self._name(gone, before.time) if gone.studies > 0 or gone.instances > 0 else ()
        self._baseline = now
        return changes

    async def _name(self, gone: Counts, since: str) -> tuple[StudyChange, ...]:
        known = self._known.all()
        held = await self._studies(known)
        missing = [study_id for study_id in known if study_id not in held]
        self._known.forget(missing)
        updated = [uid for uid, updated_at in held.values() if updated_at >= since]
        return removals(gone, [known[study_id] for study_id in missing], updated)

    async def _hidden(self) -> list[StudyChange]:
        """Known studies that are not seen any more: the feed has no row for a label that is put on or taken off."""
        known = self._known.all() if self._labelled else {}
        missing = known.keys() - await self._seen(known.values())
        hidden = missing - (await self._studies(missing)).keys()  # the search may have been cut short
        self._known.forget(hidden)
        return [StudyChange(known[study_id], removed=True) for study_id in hidden]

    async def _seen(self, study_instance_uids: Collection[str]) -> set[str]:
        if not study_instance_uids:
            return set()
        query = {"StudyInstanceUID": "\\".join(study_instance_uids)}
        body = {"Level": "Study", "Query": query, "Expand": False, **await self._labelled.constraint()}
        answer = await self._rest.ask("/tools/find", body)
        with readable(self._rest.pacs):
            return set(map(str, answer))

    async def _look(self) -> _Baseline | None:
        """What there is at the end of the feed; None when that moves on while we look."""
        end, time = await self._end(), await self._rest.get_text("/tools/now")
        statistics = await self._rest.get("/statistics")
        with readable(self._rest.pacs):
            counts = read_counts(statistics)
        return _Baseline(end, counts, time) if await self._end() == end else None

    async def _end(self) -> int:
        """Where the feed ends: beyond it, Orthanc reports the last number that it gave out, also if that is gone."""
        return (await self._page(since=_BEYOND, limit="1")).last

    async def _page(self, **params: str) -> Page:
        answer = await self._rest.get("/changes", **params)
        with readable(self._rest.pacs):
            return read_page(answer)

    async def _studies(self, resource_ids: Iterable[str]) -> dict[str, tuple[str, str]]:
        """The studies that these resources are, or lie in, and that are seen: id -> Study Instance UID, last update."""
        wanted = list(resource_ids)
        if not wanted:
            return {}
        labels = await self._labelled.labels()
        body = {"Resources": wanted, "Level": "Study", "Short": True, "Metadata": False}
        answer = await self._rest.ask("/tools/bulk-content", body)
        with readable(self._rest.pacs):
            return studies_of(answer, labels)
