"""An Orthanc whose storage holds other bytes than its database says: they come along with the failure."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import pytest

from radgate_server.adapters.pacs.orthanc.find import OrthancQuery
from radgate_server.adapters.pacs.orthanc.known_studies import KnownStudies
from radgate_server.adapters.pacs.orthanc.labels import LabelledStudies
from radgate_server.adapters.pacs.orthanc.rest import OrthancRest
from radgate_server.adapters.pacs.orthanc.retrieve import OrthancReader
from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import FailedInstance, ListedInstance
from radgate_server.core.errors import InstanceMalformedError, InstanceMismatchError
from radgate_server.core.pacs.labels import StudyLabels
from tests.fakes.instances import make_instance

LISTED = ListedInstance(InstanceRef("2.25.1", "2.25.1.1", "2.25.1.1.1"), "")
STRANGER = make_instance("2.25.7", "2.25.7.1", "2.25.7.1.1")


@dataclass
class LyingOrthanc:
    """OrthancRest and its HTTP: every file is `file`."""

    file: bytes
    pacs: str = "main"
    status: int = 200

    @property
    def http(self) -> "LyingOrthanc":
        return self

    async def ask(self, _: str, body: dict[str, Any]) -> Any:
        return [{"ID": body["Level"], "RequestedTags": {"PatientID": "P"}}]

    @asynccontextmanager
    async def open(self, _: str) -> AsyncIterator["LyingOrthanc"]:
        yield self

    async def pieces(self) -> AsyncGenerator[bytes]:
        yield self.file


@pytest.mark.parametrize(
    ("file", "error"),
    [(STRANGER, InstanceMismatchError), (b"\x93\x11\xfe" * 300, InstanceMalformedError)],
)
async def test_what_is_not_the_listed_instance_fails_with_its_bytes(file: bytes, error: type[Exception]) -> None:
    rest, known = cast("OrthancRest", LyingOrthanc(file)), KnownStudies()
    labelled = LabelledStudies(rest, StudyLabels())
    query = OrthancQuery(rest, known, labelled)
    reader = OrthancReader(rest, query, known, labelled, at_once=1, max_instance_bytes=1 << 20)
    async with reader.retrieve(RetrieveScope("2.25.1"), [LISTED]) as arrivals:
        (arrival,) = [arrival async for arrival in arrivals]
    assert isinstance(arrival, FailedInstance)
    assert (arrival.ref, type(arrival.error)) == (LISTED.ref, error)
    assert arrival.content
    assert b"".join(arrival.content.pieces(1 << 20)) == file
