"""AuditEvents to a FHIR server, by batches (hl7.org/fhir/R4/http.html#transaction)."""

import asyncio
import json
from collections.abc import Sequence

import httpx

from radgate_server.adapters.audit.export.tls import client_context
from radgate_server.core.audit.export.fhir import batch
from radgate_server.core.audit.verification import StoredRecord
from radgate_server.core.errors import NotDeliveredError
from radgate_server.settings.audit import FhirCollector

TIMEOUT_S = 30.0
_MEDIA_TYPE = "application/fhir+json"


class FhirReceiver:
    """RecordReceiver that puts each record under an id of its own: sent twice, it is there once."""

    def __init__(self, collector: FhirCollector, source: str) -> None:
        self._collector = collector
        self._source = source
        self._client: httpx.AsyncClient | None = None

    @property
    def name(self) -> str:
        """What it is called."""
        return self._collector.name

    async def send(self, records: Sequence[StoredRecord]) -> None:
        """Post a batch. Raises NotDeliveredError: it did not take all of it."""
        body = json.dumps(batch(records, self._source), separators=(",", ":")).encode()
        try:
            response = await self._open().post(self._collector.url, content=body, headers=await self._headers())
            answers = response.json()["entry"] if response.is_success else []
            statuses = [answer["response"]["status"] for answer in answers]
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotDeliveredError(f"it can't be reached ({type(error).__name__})") from None
        except (ValueError, KeyError, TypeError):
            raise NotDeliveredError("its answer is no Bundle of responses") from None
        if not response.is_success:
            raise NotDeliveredError(f"it answered with HTTP status {response.status_code}")
        refused = [status for status in statuses if not str(status).startswith("2")]
        if refused or len(statuses) != len(records):
            raise NotDeliveredError(f"it did not take all of a batch ({refused[0][:3] if refused else 'no answer'})")

    async def close(self) -> None:
        """Close its connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _open(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(
                verify=client_context(self._collector.ca_file, None, None), timeout=TIMEOUT_S
            )
        return self._client

    async def _headers(self) -> dict[str, str]:
        headers = {"content-type": _MEDIA_TYPE, "accept": _MEDIA_TYPE}
        token = self._collector.token.get_secret_value()
        if self._collector.token_file is not None:
            try:
                token = (await asyncio.to_thread(self._collector.token_file.read_text)).strip()
            except (OSError, UnicodeDecodeError):
                raise NotDeliveredError("its token_file can't be read") from None
        return {**headers, "authorization": f"Bearer {token}"} if token else headers
