"""Between the messages of radgate.v1 and the words of the core, one table for each message."""

from collections.abc import Callable, Sequence
from typing import Any

from radgate.v1 import dicom_pb2
from radgate_server.core.dicom.data_sets import DicomJson, first_value
from radgate_server.core.dicom.identifiers import InstanceRef, QueryLevel, parse_uid
from radgate_server.core.query.attributes import (
    canonical_keys,
    canonical_paths,
    check_count,
    parse_attribute_path,
    parse_match_value,
)
from radgate_server.core.query.json_text import match_text
from radgate_server.core.query.model import MatchingKey, Query
from radgate_server.services.query.merging import SourcedMatch

_MAX_INT32 = 2**31 - 1

type _Reader = Callable[[DicomJson, str], Any]
type _Table = dict[str, tuple[str, _Reader]]


def _texts(attributes: DicomJson, tag: str) -> list[str]:
    return [str(value) for value in attributes.get(tag, {}).get("Value", ()) if value is not None]


def _number(attributes: DicomJson, tag: str) -> int | None:
    """IS as a number; None, so that the field stays unset, when there is none that fits."""
    try:
        number = int(first_value(attributes, tag))
    except ValueError:
        return None
    return number if -_MAX_INT32 <= number <= _MAX_INT32 else None


def _name(attributes: DicomJson, tag: str) -> dicom_pb2.PersonName | None:
    values = attributes.get(tag, {}).get("Value") or (None,)
    if not isinstance(values[0], dict):
        return None
    groups = {group.lower(): text for group, text in values[0].items() if isinstance(text, str)}
    known = {group: text for group, text in groups.items() if group in ("alphabetic", "ideographic", "phonetic")}
    return dicom_pb2.PersonName(**known)


_STUDY: _Table = {
    "study_instance_uid": ("0020000D", first_value),
    "patient_name": ("00100010", _name),
    "patient_id": ("00100020", first_value),
    "patient_birth_date": ("00100030", first_value),
    "patient_sex": ("00100040", first_value),
    "study_date": ("00080020", first_value),
    "study_time": ("00080030", first_value),
    "accession_number": ("00080050", first_value),
    "study_description": ("00081030", first_value),
    "study_id": ("00200010", first_value),
    "referring_physician_name": ("00080090", _name),
    "modalities_in_study": ("00080061", _texts),
    "number_of_study_related_series": ("00201206", _number),
    "number_of_study_related_instances": ("00201208", _number),
}
_SERIES: _Table = {
    "study_instance_uid": ("0020000D", first_value),
    "series_instance_uid": ("0020000E", first_value),
    "modality": ("00080060", first_value),
    "series_number": ("00200011", _number),
    "series_description": ("0008103E", first_value),
    "number_of_series_related_instances": ("00201209", _number),
}
_INSTANCE: _Table = {
    "study_instance_uid": ("0020000D", first_value),
    "series_instance_uid": ("0020000E", first_value),
    "sop_instance_uid": ("00080018", first_value),
    "sop_class_uid": ("00080016", first_value),
    "instance_number": ("00200013", _number),
    "rows": ("00280010", _number),
    "columns": ("00280011", _number),
    "number_of_frames": ("00280008", _number),
}


def _fields(table: _Table, match: SourcedMatch) -> dict[str, Any]:
    fields = {field: read(match.attributes, tag) for field, (tag, read) in table.items()}
    return {**fields, "dicom_json": match_text(match.attributes), "pacs": match.pacs}


def to_study(match: SourcedMatch) -> dicom_pb2.Study:
    """Render a match at STUDY level."""
    return dicom_pb2.Study(**_fields(_STUDY, match))


def to_series(match: SourcedMatch) -> dicom_pb2.Series:
    """Render a match at SERIES level."""
    return dicom_pb2.Series(**_fields(_SERIES, match))


def to_instance(match: SourcedMatch) -> dicom_pb2.Instance:
    """Render a match at IMAGE level."""
    return dicom_pb2.Instance(**_fields(_INSTANCE, match))


def to_ref(ref: InstanceRef) -> dicom_pb2.InstanceRef:
    """Render an instance's place."""
    return dicom_pb2.InstanceRef(
        study_instance_uid=ref.study_instance_uid,
        series_instance_uid=ref.series_instance_uid,
        sop_instance_uid=ref.sop_instance_uid,
    )


def from_ref(ref: dicom_pb2.InstanceRef) -> InstanceRef:
    """Check an instance's place.

    Raises:
        InvalidArgumentError: a UID is missing or malformed.
    """
    return InstanceRef(
        parse_uid(ref.study_instance_uid, "ref.study_instance_uid"),
        parse_uid(ref.series_instance_uid, "ref.series_instance_uid"),
        parse_uid(ref.sop_instance_uid, "ref.sop_instance_uid"),
    )


def to_query(
    level: QueryLevel,
    keys: Sequence[dicom_pb2.MatchKey],
    include_fields: Sequence[str],
    *,
    fuzzy_matching: bool,
    parents: dict[str, tuple[str, str]],
) -> Query:
    """Check a search and bring it into canonical form.

    `parents` holds UIDs of the request's own fields, "" when not given: {field: (tag, UID)}.

    Raises:
        InvalidArgumentError: an attribute, a value or a UID is malformed, or there are too many.
    """
    check_count("keys", keys)
    check_count("include_fields", include_fields)
    matching = [_to_key(key, index) for index, key in enumerate(keys)]
    for field, (tag, uid) in parents.items():
        if uid:
            matching.append(MatchingKey((tag,), parse_uid(uid, field)))
    include = [
        parse_attribute_path(text, f"include_fields[{index}]")
        for index, text in enumerate(include_fields)
        if text.lower() != "all"
    ]
    return Query(
        level=level,
        keys=canonical_keys(matching, "keys"),
        include=canonical_paths(include),
        include_all=any(text.lower() == "all" for text in include_fields),
        fuzzy_matching=fuzzy_matching,
    )


def _to_key(key: dicom_pb2.MatchKey, index: int) -> MatchingKey:
    path = parse_attribute_path(key.attribute, f"keys[{index}].attribute")
    return MatchingKey(path, parse_match_value(path, key.value, f"keys[{index}].value"))
