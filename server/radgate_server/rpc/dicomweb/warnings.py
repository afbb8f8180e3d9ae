"""Warning headers (RFC 7234 5.5, PS3.18 8.4.2): what is less than whole about an answer that is good otherwise."""

import re
from collections.abc import Iterable

from radgate_server.rpc.dicomweb.qido_query import Search
from radgate_server.services.query import QueryPage

_UNSAFE = re.compile(r'[^\x20-\x7e]|["\\]')
_MAX_TEXT_LENGTH = 400

MORE_RESULTS = "There are additional results that can be requested"


def warning_header(text: str) -> tuple[str, str]:
    """A `warning` metadata entry of the miscellaneous persistent kind (299)."""
    return "warning", f'299 radgate "{_UNSAFE.sub("?", text)[:_MAX_TEXT_LENGTH]}"'


def unanswered_warnings(pacs: Iterable[str]) -> list[tuple[str, str]]:
    """One entry for each PACS that did not answer when it was asked what it holds."""
    return [warning_header(f"PACS {name} did not answer and may hold more of this") for name in pacs]


def search_warnings(search: Search, page: QueryPage) -> Iterable[str]:
    """What the client has to know besides the matches, but not that there are more of them."""
    if search.ignored:
        yield f"No attributes of DICOM, and ignored: {', '.join(search.ignored)}"
    for warning in page.warnings:
        yield warning.message
