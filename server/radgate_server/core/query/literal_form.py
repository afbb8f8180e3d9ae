r"""A query as it is asked of a PACS that matches literally: no form may match less than PS3.4 C.2.2.2 says. Pure.

What such a form matches too much is left out when the answer is held against the query (core/query/answer_check.py).
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from math import prod

from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.query.attributes import vm_of, vr_of
from radgate_server.core.query.generous_matching import is_asked_broadly, is_ended_by_components
from radgate_server.core.query.matching import is_universal
from radgate_server.core.query.model import MatchingKey, Query
from radgate_server.core.query.return_attributes import UNIQUE_KEYS
from radgate_server.core.query.time_matching import whole_range
from radgate_server.core.query.value_matching import FREE_TEXT

_MODALITY, _MODALITIES_IN_STUDY = "00080060", "00080061"
_NUMBERS = frozenset(("IS", "DS", "FL", "FD"))
_MAX_QUERIES = 16
"""Lists of more values, or lists whose combinations are more, are left to be matched here."""
_NAME_END = "^*? "


def asked_forms(query: Query) -> tuple[Query, ...]:
    r"""The queries whose answers together hold all that matches `query`; mostly one.

    A list of values that are no UIDs (CT\MR) is one query for each: PACS take it for one value.
    """
    within_study = query.level is not QueryLevel.STUDY and _is_one_uid(query.value_of(UNIQUE_KEYS[QueryLevel.STUDY]))
    choices = [_forms(key, query.level, within_study=within_study) for key in query.keys]
    if prod(map(len, choices)) > _MAX_QUERIES:
        choices = [values if len(values) == 1 else ("",) for values in choices]
    paths = [key.path for key in query.keys]
    return tuple(
        replace(query, keys=tuple(map(MatchingKey, paths, values))) for values in dict.fromkeys(product(*choices))
    )


def _forms(key: MatchingKey, level: QueryLevel, *, within_study: bool) -> Sequence[str]:
    """How the key is asked, one form for each of its values; "" to have it matched here alone."""
    tag, value = key.path[-1], key.value.reveal()
    vr = vr_of(tag)
    if is_universal(value) or vr in _NUMBERS or (within_study and (vr == "DT" or _has_several_values(tag))):
        return ("",)  # 1 is 01, +1 and 1.0; within a study there is little to match here: moments of other time zones
    if _is_modality(tag, level) and _has_wildcard(value):
        return ("",)  # compared with all modalities as one text
    if vr in FREE_TEXT:
        return (value.replace("\\", "?"),)
    if vr == "UI":
        return (value,)
    parts = (part for part in value.split("\\") if part.strip())
    return tuple(dict.fromkeys(_form(vr, part) for part in parts)) or ("",)


def _form(vr: str, value: str) -> str:
    if is_universal(value):
        return ""
    if vr in ("TM", "DT"):
        return whole_range(vr, value)
    return _name_form(value) if vr == "PN" and is_asked_broadly(value) else value


def _name_form(value: str) -> str:
    """The beginning of DOE^*, which DOE matches too; else any name that has the first given group in it.

    PACS compare the groups and `=` as one text.
    """
    if is_ended_by_components(value):
        return value.rstrip("^*") + "*"
    group = next((group for group in value.split("=") if not is_universal(group)), "").strip(" *").rstrip(_NAME_END)
    return f"*{group}*" if group else ""


def _is_modality(tag: str, level: QueryLevel) -> bool:
    """Whether it is of Modalities in Study, which is meant by Modality at STUDY level, too."""
    return tag == _MODALITIES_IN_STUDY or (tag == _MODALITY and level is QueryLevel.STUDY)


def _has_several_values(tag: str) -> bool:
    return vr_of(tag) != "UI" and vm_of(tag) != "1"


def _has_wildcard(value: str) -> bool:
    return "*" in value or "?" in value


def _is_one_uid(value: str) -> bool:
    return bool(value) and "\\" not in value
