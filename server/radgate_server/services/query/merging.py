"""Making one sorted answer of what several PACS return: pure decisions."""

from collections.abc import Sequence
from dataclasses import dataclass

from radgate_server.core.dicom.data_sets import DicomJson, first_value
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.errors import PacsError
from radgate_server.core.query.model import Query
from radgate_server.core.query.return_attributes import UNIQUE_KEYS
from radgate_server.services.query.fan_out import PacsAnswer


@dataclass(frozen=True, slots=True)
class SourcedMatch:
    """One match, and the PACS that returned it, in order of precedence; the attributes are the first one's."""

    attributes: DicomJson
    pacs: tuple[str, ...]


def is_archive_wide(query: Query) -> bool:
    """Whether it looks for series or instances of all studies: it names no study, series or instance by UID."""
    return query.level is not QueryLevel.STUDY and not any(query.value_of(tag) for tag in UNIQUE_KEYS.values())


def merge(query: Query, answers: Sequence[PacsAnswer]) -> tuple[SourcedMatch, ...]:
    """Each entity once, in an order that is stable across pages.

    What an archive-wide query finds stays in the order of the PACS, one after the other, so that its beginning can be
    had without the rest.
    """
    merged = _merged(query.level, answers)
    return tuple(merged) if is_archive_wide(query) else _sort(query.level, merged)


def merge_beginning(query: Query, answers: Sequence[PacsAnswer]) -> tuple[SourcedMatch, ...]:
    """The beginning of what `merge` makes of whole answers, of answers to an archive-wide query that may be cut."""
    cut = (at for at, answer in enumerate(answers) if is_cut(answer))
    last = next(cut, len(answers))  # what follows it begins after matches of it that are not here
    count = len(_merged(query.level, answers[: last + 1]))
    return merge(query, answers)[:count]


def is_cut(answer: PacsAnswer) -> bool:
    """Whether the PACS has more than it answered."""
    return not isinstance(answer.result, PacsError) and answer.result.truncated


def with_beginning(
    level: QueryLevel, beginning: Sequence[SourcedMatch], whole: Sequence[SourcedMatch]
) -> tuple[SourcedMatch, ...]:
    """The whole answer behind what was given of it before, be it that the PACS answers in another order now."""
    unique = UNIQUE_KEYS[level]
    given = {first_value(match.attributes, unique) for match in beginning}
    return (*beginning, *(match for match in whole if first_value(match.attributes, unique) not in given))


def _merged(level: QueryLevel, answers: Sequence[PacsAnswer]) -> list[SourcedMatch]:
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
    return list(merged.values())


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
