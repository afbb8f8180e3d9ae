"""Orthanc's REST API: JSON there and back."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from radgate_server.adapters.pacs.http import PacsHttp
from radgate_server.core.errors import PacsFailedError

_JSON = {"content-type": "application/json", "accept": "application/json"}


class OrthancRest:
    """Asks one Orthanc."""

    def __init__(self, http: PacsHttp) -> None:
        self.http = http
        self.pacs = http.pacs

    async def get(self, path: str, **params: str) -> Any:
        """GET a resource that every Orthanc has.

        Raises:
            PacsError: no answer, a failure, or something that is not JSON.
        """
        return (await self.http.ask("GET", path, params=params, judged=())).json()

    async def get_text(self, path: str) -> str:
        """GET a resource that is a word, such as the time. Raises PacsError as `get`."""
        return (await self.http.ask("GET", path, judged=())).body.decode("ascii", "replace").strip()

    async def ask(self, path: str, body: Mapping[str, Any]) -> Any:
        """POST a question, which changes nothing. Raises PacsError as `get`."""
        content = json.dumps(body).encode()
        answer = await self.http.ask("POST", path, headers=_JSON, body=content, repeatable=True, judged=())
        return answer.json()

    async def put(self, path: str) -> None:
        """PUT a resource that is nothing but there. Raises PacsError as `get`."""
        await self.http.ask("PUT", path, body=b"", repeatable=True, judged=())


@contextmanager
def readable(pacs: str) -> Iterator[None]:
    """What can't be taken apart in the block is not Orthanc's.

    Raises:
        PacsFailedError: instead of the defect.
    """
    try:
        yield
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError):
        raise PacsFailedError("the PACS sent an answer that is not one of Orthanc's", pacs=pacs) from None
