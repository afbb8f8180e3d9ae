"""One page of matches: asked for, read, brought into our form."""

from asyncio import to_thread

from radgate_server.adapters.pacs.http import HttpAnswer, PacsHttp
from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.errors import PacsFailedError
from radgate_server.core.query.json_reader import read_matches

ONE_STUDY = "/studies?limit=1"
"""The smallest search."""
ACCEPT_JSON = {"accept": "application/dicom+json, application/json;q=0.9"}
_LONG_BYTES = 128 * 1024
"""Longer answers are read by a thread, so that nobody waits for them."""


async def ask_page(http: PacsHttp, target: str) -> HttpAnswer:
    """Ask for a page, such as "/studies?limit=1"; 404 is for the caller to judge. Raises PacsError."""
    return await http.ask("GET", target, headers=ACCEPT_JSON)


async def matches_of(answer: HttpAnswer) -> tuple[DicomJson, ...]:
    """The page's matches; no content, or nothing in it, means none.

    Raises:
        PacsFailedError: it is not in the DICOM JSON model.
    """
    if answer.status == 204 or not answer.body.strip():
        return ()
    return await to_thread(_read, answer) if len(answer.body) > _LONG_BYTES else _read(answer)


def no_such_service(pacs: str) -> PacsFailedError:
    """The error for a root below which nothing searches: an empty answer would hide a wrong address."""
    return PacsFailedError("there is no QIDO-RS at the PACS's address: check its path", pacs=pacs, http_status="404")


def _read(answer: HttpAnswer) -> tuple[DicomJson, ...]:
    try:
        return read_matches(answer.json())
    except ValueError:
        text = "the PACS sent an answer that is not in the DICOM JSON model (PS3.18 annex F)"
        raise PacsFailedError(text, pacs=answer.pacs) from None
