"""Following the feed, with an Orthanc of a few lines."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from radgate_server.adapters.pacs.orthanc.changes import OrthancChanges
from radgate_server.adapters.pacs.orthanc.known_studies import KnownStudies
from radgate_server.adapters.pacs.orthanc.labels import LabelledStudies
from radgate_server.adapters.pacs.orthanc.rest import OrthancRest
from radgate_server.core.errors import PacsAbortedError, PacsError, PacsFailedError
from radgate_server.core.pacs.labels import StudyLabels
from radgate_server.core.pacs.ports import StudyChange


class SmallOrthanc:
    """Studies of one instance each: `store` and `delete` them."""

    pacs = "main"

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.given_out = 0
        self.held: set[str] = set()
        self.failure: PacsError | None = None
        self.while_counting: list[str] = []

    def store(self, study: str) -> None:
        self.held.add(study)
        for kind, level in (("NewInstance", "Instance"), ("NewStudy", "Study")):
            self.given_out += 1
            self.rows.append({"ChangeType": kind, "ResourceType": level, "ID": study, "Seq": self.given_out})

    def delete(self, study: str) -> None:
        self.held.discard(study)
        self.rows = [row for row in self.rows if row["ID"] != study]

    async def get(self, path: str, **params: str) -> Any:
        if path == "/statistics":
            counts = {"CountStudies": len(self.held), "CountInstances": len(self.held)}
            while self.while_counting:
                self.store(self.while_counting.pop())
            return counts
        rows = [row for row in self.rows if row["Seq"] > int(params["since"])]
        page = rows[: int(params["limit"])]
        return {
            "Changes": page,
            "Done": len(page) == len(rows),
            "Last": page[-1]["Seq"] if page else self.given_out,
        }

    async def get_text(self, path: str) -> str:
        assert path == "/tools/now"
        return "20260101T000000"

    async def ask(self, path: str, body: Mapping[str, Any]) -> Any:
        assert path == "/tools/bulk-content"
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        held = sorted(self.held.intersection(body["Resources"]))
        return [{"ID": study, "MainDicomTags": {"0020,000d": study}, "LastUpdate": "2025"} for study in held]


def changes_of(orthanc: SmallOrthanc) -> OrthancChanges:
    rest = cast("OrthancRest", orthanc)
    return OrthancChanges(rest, KnownStudies(), LabelledStudies(rest, StudyLabels()))


@pytest.fixture
def orthanc() -> SmallOrthanc:
    return SmallOrthanc()


@pytest.fixture
def changes(orthanc: SmallOrthanc) -> OrthancChanges:
    return changes_of(orthanc)


async def test_what_came_and_went(orthanc: SmallOrthanc, changes: OrthancChanges) -> None:
    orthanc.store("1.1")
    begin = await changes.changes_after(None)
    assert (begin.changes, begin.last, begin.more) == ((), 2, False)
    orthanc.store("1.2")
    came = await changes.changes_after(begin.last)
    assert came.changes == (StudyChange("1.2", removed=False),)
    orthanc.delete("1.2")
    went = await changes.changes_after(came.last)
    assert went.changes == (StudyChange("1.2", removed=True),)
    orthanc.delete("1.1")
    assert (await changes.changes_after(went.last)).changes == (StudyChange("", removed=True),)


async def test_what_comes_while_it_is_counted_hides_nothing_for_long(
    orthanc: SmallOrthanc, changes: OrthancChanges
) -> None:
    orthanc.store("1.1")
    last = (await changes.changes_after(None)).last
    orthanc.delete("1.1")
    orthanc.while_counting = ["1.2"]
    first = await changes.changes_after(last)
    assert first.changes == ()
    second = await changes.changes_after(first.last)
    assert set(second.changes) == {StudyChange("1.2", removed=False), StudyChange("", removed=True)}


async def test_a_page_that_is_asked_for_again_counts_once(orthanc: SmallOrthanc, changes: OrthancChanges) -> None:
    last = (await changes.changes_after(None)).last
    orthanc.store("1.1")
    orthanc.failure = PacsAbortedError("the PACS broke the connection", pacs="main")
    with pytest.raises(PacsAbortedError):
        await changes.changes_after(last)
    again = await changes.changes_after(last)
    assert again.changes == (StudyChange("1.1", removed=False),)
    assert (await changes.changes_after(again.last)).changes == ()


async def test_from_another_place_nothing_is_known_to_be_gone(orthanc: SmallOrthanc, changes: OrthancChanges) -> None:
    for number in range(3):
        orthanc.store(f"1.{number}")
    await changes.changes_after(None)
    orthanc.delete("1.0")
    batch = await changes.changes_after(2)
    assert batch.changes == tuple(StudyChange(uid, removed=False, doubtful=True) for uid in ("1.1", "1.2"))


async def test_long_feeds_come_in_pages(orthanc: SmallOrthanc, changes: OrthancChanges) -> None:
    last = (await changes.changes_after(None)).last
    for number in range(600):
        orthanc.store(f"1.{number}")
    first = await changes.changes_after(last)
    assert first.more
    rest = await changes.changes_after(first.last)
    assert not rest.more
    assert len({*first.changes, *rest.changes}) == 600
    assert not any(change.removed for change in (*first.changes, *rest.changes))


async def test_what_is_not_orthancs_is_reported(orthanc: SmallOrthanc, changes: OrthancChanges) -> None:
    orthanc.rows = [{"ChangeType": "NewStudy", "Seq": 1}]
    with pytest.raises(PacsFailedError):
        await changes.changes_after(0)
