"""What a rule would have fetched in the past, and what of that would have been used. Pure.

A study that is opened the first time within the trace sets the rule off: the priors that it chooses would have been
fetched just before, unless they were cached, which they are taken to be for `HORIZON_HOURS` after each use or fetch.
One that was accessed within that time from then on would have been used, any other wasted.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from radgate_server.core.prefetch.priors import PriorRule, PriorStudy, priors

HORIZON_HOURS = 24


class TracedUse(NamedTuple):
    """A study was accessed in an hour, by its number. `waited_ms` is how long callers waited for what was fetched."""

    hour: int
    study_instance_uid: str
    waited_ms: int = 0


@dataclass(frozen=True, slots=True)
class Replay:
    """Studies and bytes that the rule would have fetched, those of them that were then used, and the rest.

    `opened` counts the studies that set it off, `waited_ms` what callers would not have waited. `cached` counts
    priors that were chosen, but cached already.
    """

    opened: int = 0
    cached: int = 0
    fetched: int = 0
    fetched_bytes: int = 0
    used: int = 0
    used_bytes: int = 0
    wasted: int = 0
    wasted_bytes: int = 0
    waited_ms: int = 0


def replay(
    rule: PriorRule,
    uses: Sequence[TracedUse],
    patients: Sequence[Sequence[PriorStudy]],
    sizes: Mapping[str, int],
) -> Replay:
    """Follow the uses in their order. `patients` are all studies of each patient, `sizes` the bytes of each study."""
    of_patient = {study.study_instance_uid: studies for studies in patients for study in studies}
    facts = {study.study_instance_uid: study for studies in patients for study in studies}
    hours: dict[str, list[TracedUse]] = {}
    for use in uses:
        hours.setdefault(use.study_instance_uid, []).append(use)
    count, touched, seen = _Count(sizes), dict[str, int](), set[str]()
    for use in uses:
        study = use.study_instance_uid
        if study not in seen and study in facts:
            count.opened += 1
            for prior in priors(rule, facts[study], of_patient[study]):
                count.look(use.hour, prior.study_instance_uid, touched, hours.get(prior.study_instance_uid, ()))
        seen.add(study)
        touched[study] = use.hour
    return count.result()


class _Count:
    def __init__(self, sizes: Mapping[str, int]) -> None:
        self._sizes = sizes
        self.opened = self.cached = 0
        self._used: list[int] = []
        self._wasted: list[int] = []
        self._waited_ms = 0

    def look(self, hour: int, study: str, touched: dict[str, int], uses: Sequence[TracedUse]) -> None:
        """A prior is chosen in this hour."""
        last = touched.get(study)
        if last is not None and hour - last <= HORIZON_HOURS:
            self.cached += 1
            return
        touched[study] = hour
        size = self._sizes.get(study, 0)
        following = uses[bisect_left(uses, hour, key=lambda use: use.hour) :]
        if following and following[0].hour - hour <= HORIZON_HOURS:
            self._used.append(size)
            self._waited_ms += following[0].waited_ms
        else:
            self._wasted.append(size)

    def result(self) -> Replay:
        used, wasted = sum(self._used), sum(self._wasted)
        return Replay(
            opened=self.opened,
            cached=self.cached,
            fetched=len(self._used) + len(self._wasted),
            fetched_bytes=used + wasted,
            used=len(self._used),
            used_bytes=used,
            wasted=len(self._wasted),
            wasted_bytes=wasted,
            waited_ms=self._waited_ms,
        )
