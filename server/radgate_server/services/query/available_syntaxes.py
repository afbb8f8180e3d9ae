"""Available Transfer Syntax UID (0008,3002) of instances that are cached, where the PACS does not say it."""

from collections.abc import Callable, Iterator
from functools import lru_cache

from radgate_server.core.dicom.data_sets import first_value
from radgate_server.core.dicom.identifiers import InstanceRef, QueryLevel
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, TRANSFER_SYNTAXES
from radgate_server.core.query.model import Query
from radgate_server.core.query.return_attributes import UNIQUE_KEYS
from radgate_server.services.query.merging import SourcedMatch

AVAILABLE_TRANSFER_SYNTAX_UID = "00083002"
_UIDS = tuple(UNIQUE_KEYS[level] for level in (QueryLevel.STUDY, QueryLevel.SERIES, QueryLevel.IMAGE))

type SyntaxOf = Callable[[str, InstanceRef], str]
"""(tenant, instance): the transfer syntax in which it is cached, "" when that is not known in memory."""


def no_syntax_known(_tenant_id: str, _ref: InstanceRef) -> str:
    """SyntaxOf of a service that has no cache beside it."""
    return ""


@lru_cache(maxsize=256)
def available_in(stored: str) -> tuple[str, ...]:
    """The transfer syntaxes in which an instance stored in `stored` is there for everybody: that, and the default.

    Others are made for who names them. They are left out, since clients that choose from a list may prefer a lossy one.
    """
    row = TRANSFER_SYNTAXES.get(stored)
    is_decodable = row is not None and row.decodable
    return tuple(dict.fromkeys((stored, EXPLICIT_VR_LITTLE_ENDIAN))) if is_decodable else (stored,)


def with_syntaxes(
    syntax_of: SyntaxOf, tenant_id: str, query: Query, matches: tuple[SourcedMatch, ...]
) -> tuple[SourcedMatch, ...]:
    """The matches, those of instances with the transfer syntaxes where these are missing and known (PS3.4 C.3.4)."""
    is_wanted = not query.only_included or (AVAILABLE_TRANSFER_SYNTAX_UID,) in query.include
    if query.level is not QueryLevel.IMAGE or not is_wanted:
        return matches
    return tuple(_filled(syntax_of, tenant_id, matches))


def _filled(syntax_of: SyntaxOf, tenant_id: str, matches: tuple[SourcedMatch, ...]) -> Iterator[SourcedMatch]:
    for match in matches:
        found_attributes = match.attributes
        if not found_attributes.get(AVAILABLE_TRANSFER_SYNTAX_UID, {}).get("Value"):
            ref = InstanceRef(*(first_value(found_attributes, tag) for tag in _UIDS))
            if syntax := syntax_of(tenant_id, ref):
                attributes = {
                    **found_attributes,
                    AVAILABLE_TRANSFER_SYNTAX_UID: {"vr": "UI", "Value": list(available_in(syntax))},
                }
                yield SourcedMatch(attributes, match.pacs)
                continue
        yield match
