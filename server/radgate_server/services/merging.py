"""Making one sorted answer of what several PACS return: pure decisions."""

from collections.abc import Sequence
from dataclasses import dataclass

from radgate_server.core.errors import PacsError
from radgate_server.core.identifiers import QueryLevel
from radgate_server.core.query import DicomJson, first_value
from radgate_server.core.query_attributes import UNIQUE_KEYS
from radgate_server.services.asking import PacsAnswer


@dataclass(frozen=True, slots=True)
class SourcedMatch:
    """One match, and the PACS that returned it, in order of precedence; the attributes are the first one's."""

    attributes: DicomJson
    pacs: tuple[str, ...]


def merge(level: QueryLevel, answers: Sequence[PacsAnswer]) -> tuple[SourcedMatch, ...]:
    """Each entity once, in an order that is stable across pages."""
    merged: dict[str, SourcedMatch] = {}
    for answer in answers:
        if isinstance(answer.result, PacsError):
            continue
        name = answer.client.name
        for attributes in answer.result.matches:
            unique = first_value(attributes, UNIQUE_KEYS[level])
            known = merged.get(unique)
            if known is None:
                merged[unique] = SourcedMatch(attributes, (name,))
            elif name not in known.pacs:
                merged[unique] = SourcedMatch(known.attributes, (*known.pacs, name))
    return _sort(level, list(merged.values()))


def _sort(level: QueryLevel, matches: list[SourcedMatch]) -> tuple[SourcedMatch, ...]:
    """Newest studies first, series and instances by number; UIDs make the order stable."""
    matches.sort(key=lambda match: first_value(match.attributes, UNIQUE_KEYS[level]))
    if level is QueryLevel.STUDY:
        matches.sort(
            key=lambda match: first_value(match.attributes, "00080020") + first_value(match.attributes, "00080030"),
            reverse=True,
        )
        return tuple(matches)
    number = "00200011" if level is QueryLevel.SERIES else "00200013"
    matches.sort(
        key=lambda match: (
            first_value(match.attributes, "0020000D"),
            first_value(match.attributes, "0020000E") if level is QueryLevel.IMAGE else "",
            _number(first_value(match.attributes, number)),
        )
    )
    return tuple(matches)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("inf")
