"""The PacsStore role: STOW-RS, one instance a request (PS3.18 10.5)."""

import re
import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from radgate_server.adapters.pacs.http import HttpAnswer, PacsHttp
from radgate_server.adapters.pacs.http.bodies import file_pieces
from radgate_server.adapters.pacs.http.failures import status_failure
from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.dicom.instances import InstanceContent, ReceivedInstance
from radgate_server.core.errors import PacsCannotError, PacsFailedError
from radgate_server.core.pacs.ports import StoreOutcome
from radgate_server.core.query.json_reader import read_data_set
from radgate_server.settings.shared.table import MIB

_MAX_ANSWER_BYTES = MIB
_JUDGED = frozenset({400, 404, 405, 409, 501})
_MISSING = frozenset({404, 405, 501})
_REFUSED = frozenset({400, 409})
_FAILED_SOPS, _FAILURE_REASON = "00081198", "00081197"
_REFERENCED_SOPS, _WARNING_REASON = "00081199", "00081196"
_HELD_ALREADY = frozenset({0x0111, 0xB00E})
"""Duplicate SOP Instance (PS3.7 C.5.3), and how Azure says so: stored before, which is what was wanted."""
_XML_REASON = r'tag="{tag}"[^>]*>\s*<Value[^>]*>\s*(\d{{1,5}})\s*<'


class DicomWebStore:
    """PacsStore over STOW-RS. The file is sent as it is, with its length, so that no server needs to do chunks."""

    def __init__(self, http: PacsHttp) -> None:
        self._http = http

    async def store(self, instance: ReceivedInstance) -> StoreOutcome:
        """Store one instance.

        Raises:
            PacsError: also PacsCannotError, when the server has no STOW-RS.
        """
        boundary = f"radgate-{secrets.token_hex(16)}"
        head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        tail = f"\r\n--{boundary}--\r\n".encode()
        headers = {
            "accept": "application/dicom+json, application/json;q=0.9, application/dicom+xml;q=0.5",
            "content-type": f'multipart/related; type="application/dicom"; boundary={boundary}',
            "content-length": str(len(head) + instance.content.size_bytes + len(tail)),
        }

        def body() -> AsyncIterator[bytes]:
            return _body(head, instance.content, tail)

        answer = await self._http.ask(
            "POST", "/studies", headers=headers, body=body, judged=_JUDGED, max_bytes=_MAX_ANSWER_BYTES
        )
        if answer.status in _MISSING:
            raise PacsCannotError("the PACS takes no instances over STOW-RS", pacs=self._http.pacs)
        return outcome_of(answer)


async def _body(head: bytes, content: InstanceContent, tail: bytes) -> AsyncIterator[bytes]:
    yield head
    async with aclosing(file_pieces(content)) as pieces:
        async for piece in pieces:
            yield piece
    yield tail


def outcome_of(answer: HttpAnswer) -> StoreOutcome:
    """What the answer to one instance says (PS3.18 10.5.3, I.2); success without a readable body is success.

    Raises:
        PacsFailedError: the instance was refused; `details["status"]` has the reason where it is reported.
    """
    failure, warning = _reasons(answer)
    if failure in _HELD_ALREADY:
        return StoreOutcome()
    if failure is not None:
        status = f"{failure:04X}"
        raise PacsFailedError(f"the PACS refused the instance with status 0x{status}", pacs=answer.pacs, status=status)
    if answer.status in _REFUSED:
        raise status_failure(answer.pacs, answer.status)
    return StoreOutcome(warning or 0)


def _reasons(answer: HttpAnswer) -> tuple[int | None, int | None]:
    """Failure Reason and Warning Reason, None where there is none."""
    if answer.body.lstrip()[:1] == b"<":
        return _in_xml(answer.body, _FAILURE_REASON), _in_xml(answer.body, _WARNING_REASON)
    try:
        decoded = answer.json()
        report = read_data_set(decoded[0] if isinstance(decoded, list) and decoded else decoded)
    except (PacsFailedError, ValueError):
        return None, None
    return _in_items(report, _FAILED_SOPS, _FAILURE_REASON), _in_items(report, _REFERENCED_SOPS, _WARNING_REASON)


def _in_xml(body: bytes, tag: str) -> int | None:
    """One number needs no XML parser, and none of what such parsers can be made to do."""
    match = re.search(_XML_REASON.format(tag=tag), body.decode("utf-8", "replace"))
    return int(match[1]) if match else None


def _in_items(report: DicomJson, sequence: str, tag: str) -> int | None:
    items: list[Any] = report.get(sequence, {}).get("Value") or []
    values = (value for item in items for value in item.get(tag, {}).get("Value") or () if isinstance(value, int))
    return next(values, 0x0110 if sequence == _FAILED_SOPS and items else None)
