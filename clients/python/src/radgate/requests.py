"""What a caller says, turned into requests; shared by both clients, without I/O."""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from radgate.v1 import dicom_pb2, query_service_pb2, retrieve_service_pb2
from radgate.v1.error_reason_pb2 import ErrorReason

MAX_PAGE_SIZE = 200
"""Results asked for at a time."""

type MatchValue = str | int | date | Sequence[str] | tuple[date | None, date | None]
"""A text as DICOM's queries spell it, a number, a day, several texts of which one must match, or a range of days whose
first and last belong to it: `(date(2026, 1, 1), date(2026, 1, 31))`, None for an open end."""

_ACRONYMS = {"id": "ID", "uid": "UID", "uids": "UIDs", "sop": "SOP"}


class PartialAnswerWarning(UserWarning):
    """A search or a retrieve was answered, but not by every PACS, or not in full."""


class DoubtfulAnswerWarning(UserWarning):
    """A retrieve was answered in full, but the server doubts it: whose the study is, or whether it has changed."""


def keyword_of(name: str) -> str:
    """Turn `patient_id` into PatientID, `modality` into Modality; keywords and tags stay as they are."""
    if "_" not in name and not name.islower():
        return name
    return "".join(_ACRONYMS.get(part, part.capitalize()) for part in name.split("_"))


def match_keys(
    keywords: Mapping[str, MatchValue], keys: Mapping[str, MatchValue] | None
) -> Iterator[dicom_pb2.MatchKey]:
    """Make matching keys of Python's keyword arguments and of attributes by their DICOM names."""
    for name, value in keywords.items():
        yield dicom_pb2.MatchKey(attribute=keyword_of(name), value=_text_of(value))
    for attribute, value in (keys or {}).items():
        yield dicom_pb2.MatchKey(attribute=attribute, value=_text_of(value))


def _text_of(value: MatchValue) -> str:
    """Render a value as DICOM's queries spell it: dates as YYYYMMDD, ranges with a hyphen, lists with backslashes.

    Raises:
        ValueError: it is nothing that can be matched.
    """
    match value:
        case str():
            return value
        case date():
            return value.strftime("%Y%m%d")
        case int():
            return str(value)
        case _:
            return _range_of(value) or _list_of(value)


def _range_of(value: object) -> str:
    """A pair of days, of which one may be open; "" when it is none."""
    match value:
        case (None, date() as last):
            return f"-{last:%Y%m%d}"
        case (date() as first, None):
            return f"{first:%Y%m%d}-"
        case (date() as first, date() as last):
            return f"{first:%Y%m%d}-{last:%Y%m%d}"
        case _:
            return ""


def _list_of(value: object) -> str:
    texts = list(value) if isinstance(value, Iterable) and not isinstance(value, bytes) else [value]
    strings = [text for text in texts if isinstance(text, str)]
    if len(strings) < len(texts):
        raise ValueError("a value is a string, a number, a date, a list of strings, or a range: a pair of dates")
    return "\\".join(strings)


def several(what: str, values: Sequence[str]) -> Sequence[str]:
    """Insist on a list: a lone string is a sequence of strings too, that of its letters. Raises ValueError."""
    if isinstance(values, str):
        raise ValueError(f"{what} must be a list of strings, not one string")
    return values


@dataclass(frozen=True, slots=True)
class Search:
    """What all searches have in common."""

    keywords: Mapping[str, MatchValue]
    keys: Mapping[str, MatchValue] | None
    include_fields: Sequence[str]
    fuzzy_matching: bool
    limit: int | None

    def fields(self) -> dict[str, Any]:
        """The request's fields. Raises ValueError for a string in place of several."""
        return {
            "keys": match_keys(self.keywords, self.keys),
            "include_fields": several("include_fields", self.include_fields),
            "fuzzy_matching": self.fuzzy_matching,
            "page_size": MAX_PAGE_SIZE if self.limit is None else max(1, min(self.limit, MAX_PAGE_SIZE)),
        }


class Pages[Item]:
    """Walks through the pages of one search. `field` names the items in the response."""

    def __init__(self, request: Any, field: str, limit: int | None) -> None:
        self.request: Any = None if limit is not None and limit <= 0 else request
        self._field = field
        self._left = limit

    def take(self, response: Any) -> Sequence[Item]:
        """Return the page's items, cut to the limit; `request` is then that of the next page, None after the last."""
        for warning in response.warnings:
            text = f"{warning.message} ({_reason_of(warning)})"
            warnings.warn(text, PartialAnswerWarning, stacklevel=3)
        items: Sequence[Item] = getattr(response, self._field)[: self._left]
        if self._left is not None:
            self._left -= len(items)
        self.request.page_token = response.next_page_token
        if not response.next_page_token or self._left == 0:
            self.request = None
        return items


def _reason_of(warning: query_service_pb2.QueryWarning) -> str:
    """The error with which a PACS failed, else the warning's own reason, both without their prefix."""
    if warning.error_reason:
        return ErrorReason.Name(warning.error_reason).removeprefix("ERROR_REASON_")
    return query_service_pb2.QueryWarningReason.Name(warning.reason).removeprefix("QUERY_WARNING_REASON_")


def studies_pages(search: Search) -> Pages[dicom_pb2.Study]:
    """The pages of a search for studies."""
    return Pages(query_service_pb2.SearchStudiesRequest(**search.fields()), "studies", search.limit)


def series_pages(study: str, search: Search) -> Pages[dicom_pb2.Series]:
    """The pages of a search for series."""
    request = query_service_pb2.SearchSeriesRequest(study_instance_uid=study, **search.fields())
    return Pages(request, "series", search.limit)


def instances_pages(study: str, series: str, search: Search) -> Pages[dicom_pb2.Instance]:
    """The pages of a search for instances."""
    request = query_service_pb2.SearchInstancesRequest(
        study_instance_uid=study, series_instance_uid=series, **search.fields()
    )
    return Pages(request, "instances", search.limit)


def frames_request(
    study: str, series: str, instance: str, frame_numbers: Sequence[int], transfer_syntaxes: Sequence[str]
) -> retrieve_service_pb2.RetrieveFramesRequest:
    """Ask for frames of one instance. Raises ValueError for a string in place of several transfer syntaxes."""
    return retrieve_service_pb2.RetrieveFramesRequest(
        ref=dicom_pb2.InstanceRef(study_instance_uid=study, series_instance_uid=series, sop_instance_uid=instance),
        frame_numbers=frame_numbers,
        accepted_transfer_syntax_uids=several("transfer_syntaxes", transfer_syntaxes),
    )


def uid_of_study(study_instance_uid: str) -> str:
    """The UID, which must be there: without one the request would mean all studies.

    Raises:
        ValueError: it is empty.
    """
    if not study_instance_uid:
        raise ValueError("study_instance_uid is empty")
    return study_instance_uid
