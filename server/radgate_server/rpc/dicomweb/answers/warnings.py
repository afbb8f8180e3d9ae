"""Warning headers (RFC 7234 5.5, PS3.18 8.4.2): what is less than whole about an answer that is good otherwise."""

from collections.abc import Iterable, Iterator

from radgate_server.core.imaging.annotated_bytes import MAX_NOTES
from radgate_server.rpc.dicomweb.search.query import Search
from radgate_server.rpc.pipeline.call import Call
from radgate_server.rpc.pipeline.warning_header import warning_header
from radgate_server.services.cache.revalidation import UnconfirmedStudy
from radgate_server.services.query.search import QueryPage

MORE_RESULTS = "There are additional results that can be requested"


def note_warnings(notes: Iterable[str]) -> list[tuple[str, str]]:
    """One entry for each note on pixels: what was not applied, where bytes and data set disagree."""
    return [warning_header(note) for note in notes]


def doubt_text(doubt: UnconfirmedStudy) -> str:
    """The warning of an answer from the cache that the PACS could not confirm."""
    age = "was never confirmed" if doubt.age_s is None else f"was confirmed {doubt.age_s} s ago"
    return f"The PACS could not be asked whether this study changed; what is cached {age}"


def unanswered_warnings(pacs: Iterable[str]) -> list[tuple[str, str]]:
    """One entry for each PACS that did not answer when it was asked what it holds."""
    return [warning_header(f"PACS {name} did not answer and may hold more of this") for name in pacs]


def refused_warnings(count: int) -> list[tuple[str, str]]:
    """The entry for instances that are left out, because the PACS sends them so that they can't be served."""
    if not count:
        return []
    instances = "1 instance is" if count == 1 else f"{count} instances are"
    return [warning_header(f"{instances} left out: the PACS sends others in their place, or damaged ones")]


def search_warnings(search: Search, page: QueryPage) -> Iterable[str]:
    """What the client has to know besides the matches, but not that there are more of them."""
    if search.ignored:
        yield f"No attributes of DICOM, and ignored: {', '.join(search.ignored)}"
    for warning in page.warnings:
        yield warning.message


class Notes:
    """What is found out about pixels while they are sent; iterated, each note once."""

    def __init__(self) -> None:
        self._notes: dict[str, None] = {}

    def __iter__(self) -> Iterator[str]:
        """In the order in which they were found."""
        return iter(self._notes)

    def add(self, notes: Iterable[str]) -> None:
        """Take those that are not there yet, as long as there are few."""
        for note in notes:
            if len(self._notes) < MAX_NOTES:
                self._notes[note] = None

    async def send(self, call: Call) -> None:
        """Send the warnings of what is known by now, as the headers of the answer; nothing when there are none."""
        if self._notes:
            await call.send_initial_metadata(note_warnings(self))
