"""A search within a restriction: what of it the PACS are asked to match themselves, and what is not reported. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from radgate_server.core.access.restriction import (
    DECISIVE,
    MODALITIES_IN_STUDY,
    PATIENT_ID,
    REFERRING_PHYSICIAN,
    STUDY_DATE,
    StudyRestriction,
)
from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.query.attributes import canonical_keys, canonical_paths
from radgate_server.core.query.matching import is_universal
from radgate_server.core.query.model import MatchingKey, Query
from radgate_server.core.query.return_attributes import UNIQUE_KEYS

_OF_OTHER_STUDIES = frozenset({"00201200", "00201202", "00201204"})
"""Number of Patient Related Studies, Series, Instances: they count what lies outside, too."""


def discreet(query: Query) -> Query:
    """The search without what would disclose other studies, as keys do, too: by whether anything matches."""
    return replace(
        query,
        keys=tuple(key for key in query.keys if key.path[-1] not in _OF_OTHER_STUDIES),
        include=tuple(path for path in query.include if path[-1] not in _OF_OTHER_STUDIES),
    )


def narrowed(query: Query, restriction: StudyRestriction) -> Query:
    """The search as the PACS are asked: with a key for each attribute that has one value, and with what decides.

    A key that the caller gave stays. Whether the PACS heed these keys or not, their answers are checked.
    """
    given = [key for key in query.keys if not is_universal(key.value.reveal())]
    taken = {key.path for key in given}
    added = [key for key in _keys_of(restriction, query.level) if key.path not in taken]
    others = [key for key in query.keys if key.path not in {one.path for one in (*given, *added)}]
    include = query.include
    if query.level is QueryLevel.STUDY:
        include = canonical_paths((*include, *((tag,) for tag in DECISIVE)))
    return replace(query, keys=canonical_keys((*given, *added, *others), "keys"), include=include)


def without_counts(match: DicomJson) -> DicomJson:
    """The match without what it discloses of other studies."""
    return {tag: value for tag, value in match.items() if tag not in _OF_OTHER_STUDIES}


def study_named(query: Query) -> str:
    """The Study Instance UID that the search is confined to, "" when it is to none or to several."""
    value = query.value_of(UNIQUE_KEYS[QueryLevel.STUDY])
    return "" if is_universal(value) or "\\" in value else value


def _keys_of(restriction: StudyRestriction, level: QueryLevel) -> Sequence[MatchingKey]:
    named = {
        PATIENT_ID: tuple(dict.fromkeys(patient.patient_id for patient in restriction.patients)),
        REFERRING_PHYSICIAN: restriction.referring_physicians,
        # In queries below the study's level PACS take the modality for that of the series.
        MODALITIES_IN_STUDY: restriction.modalities if level is QueryLevel.STUDY else (),
        STUDY_DATE: restriction.study_dates,
    }
    return [MatchingKey((tag,), values[0]) for tag, values in named.items() if len(values) == 1]
