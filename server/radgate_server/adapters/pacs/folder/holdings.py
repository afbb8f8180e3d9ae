"""What a collection of instances answers to queries and retrieves: pure, whole, never changed once made.

Headers are kept as JSON, compressed, beside a short one with the attributes that instances are mostly asked for:
about 1.5 KB an instance, where decoded data sets would take fifty.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from radgate_server.adapters.pacs.folder.headers import HeldInstance
from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.dicom.identifiers import QueryLevel, RetrieveScope
from radgate_server.core.query.matching import Predicate, is_universal, matcher, project
from radgate_server.core.query.model import FindResult, Query
from radgate_server.core.query.return_attributes import IMAGE_ATTRIBUTES, UNIQUE_KEYS, level_of

_SHORT_HEADER = frozenset(IMAGE_ATTRIBUTES)
_MODALITY = "00080060"


@dataclass(slots=True)
class _Series:
    attributes: DicomJson = field(default_factory=dict)
    instances: dict[str, HeldInstance] = field(default_factory=dict)


@dataclass(slots=True)
class _Study:
    attributes: DicomJson = field(default_factory=dict)
    series: dict[str, _Series] = field(default_factory=dict)


class Holdings:
    """Instances in their study and series. Of instances with the same SOP Instance UID the first one counts."""

    def __init__(self, instances: Iterable[HeldInstance]) -> None:
        self._studies: dict[str, _Study] = {}
        self._duplicates = 0
        self._count = 0
        seen: set[str] = set()
        for instance in instances:
            if instance.ref.sop_instance_uid in seen:
                self._duplicates += 1
                continue
            seen.add(instance.ref.sop_instance_uid)
            study = self._studies.setdefault(instance.ref.study_instance_uid, _Study())
            series = study.series.setdefault(instance.ref.series_instance_uid, _Series())
            series.instances[instance.ref.sop_instance_uid] = instance
        self._count = len(seen)
        for study in self._studies.values():
            _describe_study(study)

    def __len__(self) -> int:
        return self._count

    @property
    def duplicates(self) -> int:
        """How many instances were left out because another has their SOP Instance UID."""
        return self._duplicates

    def select(self, scope: RetrieveScope) -> Iterator[HeldInstance]:
        """Yield the instances of the scope."""
        study = self._studies.get(scope.study_instance_uid, _Study())
        for series in _chosen(study.series, scope.series_instance_uid and {scope.series_instance_uid}):
            yield from _chosen(series.instances, scope.sop_instance_uid and {scope.sop_instance_uid})

    def find(self, query: Query, *, max_results: int) -> FindResult:
        """Answer the query at whichever level with whichever attributes (PS3.4 C.4.1.3.2 relational queries included).

        Keys below the query's level ask for entities that hold something which matches.
        """
        matches: list[DicomJson] = []
        for match in _Search(query).run(self._studies):
            if len(matches) == max_results:
                return _exact(matches, query, truncated=True)
            matches.append(project(match, query))
        return _exact(matches, query, truncated=False)


def _exact(matches: Iterable[DicomJson], query: Query, *, truncated: bool) -> FindResult:
    return FindResult(tuple(matches), truncated, fuzzy_matching_ignored=query.fuzzy_matching, exact=True)


class _Search:
    """One query, its keys sorted by the level that they test."""

    def __init__(self, query: Query) -> None:
        self._level = query.level
        keys = {level: [key for key in query.keys if _level_of(key.path[0]) is level] for level in QueryLevel}
        self._tests: dict[QueryLevel, Predicate] = {level: matcher(keys[level]) for level in QueryLevel}
        self._uids = {level: _uid_list(query.value_of(UNIQUE_KEYS[level])) for level in QueryLevel}
        self._tests_series = any(not is_universal(key.value.reveal()) for key in keys[QueryLevel.SERIES])
        self._tests_images = any(not is_universal(key.value.reveal()) for key in keys[QueryLevel.IMAGE])
        asked = {path[0] for path in (*(key.path for key in keys[QueryLevel.IMAGE]), *query.include)}
        of_images = {tag for tag in asked if _level_of(tag) is QueryLevel.IMAGE}
        self._needs_full_header = query.include_all or not of_images <= _SHORT_HEADER

    def run(self, studies: Mapping[str, _Study]) -> Iterator[DicomJson]:
        for study in _chosen(studies, self._uids[QueryLevel.STUDY]):
            if not self._tests[QueryLevel.STUDY](study.attributes):
                continue
            if self._level is not QueryLevel.STUDY:
                for below in self._below_study(study):
                    yield study.attributes | below
            elif not (self._tests_series or self._tests_images) or any(self._matching_series(study)):
                yield study.attributes

    def _below_study(self, study: _Study) -> Iterator[DicomJson]:
        for series in self._matching_series(study):
            if self._level is QueryLevel.SERIES:
                yield series.attributes
            else:
                for image in self._matching_images(series):
                    yield series.attributes | image

    def _matching_series(self, study: _Study) -> Iterator[_Series]:
        for series in _chosen(study.series, self._uids[QueryLevel.SERIES]):
            if self._tests[QueryLevel.SERIES](series.attributes) and (
                self._level is QueryLevel.IMAGE or not self._tests_images or any(self._matching_images(series))
            ):
                yield series

    def _matching_images(self, series: _Series) -> Iterator[DicomJson]:
        for instance in _chosen(series.instances, self._uids[QueryLevel.IMAGE]):
            attributes = _full_header(instance) if self._needs_full_header else json.loads(instance.short_header)
            if self._tests[QueryLevel.IMAGE](attributes):
                yield attributes


def _level_of(tag: str) -> QueryLevel:
    return level_of(tag) or QueryLevel.IMAGE


def _uid_list(value: str) -> set[str] | None:
    return None if is_universal(value) else {part.strip() for part in value.split("\\")}


def _chosen[T](entities: Mapping[str, T], uids: set[str] | str | None) -> Iterable[T]:
    """Those named in `uids`, all when that is None."""
    if not uids:
        return entities.values()
    return [entities[uid] for uid in sorted(uids) if uid in entities]


def _full_header(instance: HeldInstance) -> DicomJson:
    header: DicomJson = json.loads(zlib.decompress(instance.header))
    return header


def _describe_study(study: _Study) -> None:
    """Fill in what is known of a study and its series: from their first instance, and counted."""
    for series in study.series.values():
        header = _full_header(next(iter(series.instances.values())))
        series.attributes = {tag: value for tag, value in header.items() if level_of(tag) is QueryLevel.SERIES}
        series.attributes["00201209"] = _integer(len(series.instances))
        if not study.attributes:
            study.attributes = {tag: value for tag, value in header.items() if level_of(tag) is QueryLevel.STUDY}
    instances = [instance for series in study.series.values() for instance in series.instances.values()]
    modalities = {
        text for series in study.series.values() for text in series.attributes.get(_MODALITY, {}).get("Value", ())
    }
    study.attributes |= {
        "00080056": {"vr": "CS", "Value": ["ONLINE"]},
        "00080061": {"vr": "CS", "Value": sorted(filter(None, modalities))},
        "00080062": {"vr": "UI", "Value": sorted({instance.sop_class_uid for instance in instances})},
        "00201206": _integer(len(study.series)),
        "00201208": _integer(len(instances)),
    }


def _integer(number: int) -> DicomJson:
    return {"vr": "IS", "Value": [number]}
