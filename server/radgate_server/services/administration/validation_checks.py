"""The single checks of a validation. What each finds is kept for those after it."""

import uuid
from collections.abc import Awaitable, Callable

from radgate_server.core.dicom.data_sets import first_value
from radgate_server.core.dicom.identifiers import InstanceRef, QueryLevel, RetrieveScope
from radgate_server.core.dicom.instances import FailedInstance, ReceivedInstance
from radgate_server.core.dicom.transfer_syntaxes import TRANSFER_SYNTAXES
from radgate_server.core.errors import (
    GatewayError,
    PacsAbortedError,
    PacsCredentialsError,
    PacsError,
    PacsFailedError,
    PacsNoContextError,
    PacsRejectedError,
    PacsTimeoutError,
    PacsUnreachableError,
)
from radgate_server.core.pacs.capabilities import Capabilities
from radgate_server.core.pacs.connections import PacsConnection
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.pacs.validation import Verdict, failed, passed, skipped, warning
from radgate_server.core.query.answer_check import check_answer
from radgate_server.core.query.garbled_text import has_garbled_name
from radgate_server.core.query.model import MatchingKey, Query
from radgate_server.lib.clock import Clock
from radgate_server.services.retrieve.listing import listed_instance, listing_query

CHECKS = ("connectivity", "credentials", "query", "latency", "retrieve", "transfer-syntaxes")
SLOW_S = 1.0
"""An answer that takes longer is worth a warning: each page of a worklist will."""

_STUDY_INSTANCE_UID = ("0020000D",)
_PATIENT_NAME = ("00100010",)
_ANY_STUDIES = Query(QueryLevel.STUDY, include=(_PATIENT_NAME,), only_included=True)
_SAMPLE = 100  # studies whose patients' names are looked at

_ADVICE: dict[type[GatewayError], str] = {
    PacsUnreachableError: "check host and port, and firewalls between here and there",
    PacsTimeoutError: "something listens there but says nothing: check the port, and whether the PACS is overloaded",
    PacsAbortedError: "check that this port speaks the protocol, and whether it wants TLS",
    PacsNoContextError: "ask the PACS's administrator to allow it to this gateway's AE title",
    PacsFailedError: "check the address, and what this gateway's account may do at the PACS",
}
_GARBLED = (
    "with characters lost or misread: have the PACS answer in a character set that holds them all and declare it in"
    " Specific Character Set (0008,0005), as the stored files must; Orthanc over DIMSE needs"
    ' "DefaultEncoding": "Utf8" (docs/adapters/dimse.md)'
)
_REJECTIONS = {
    "called-aet": "the PACS does not go by this called AE title: ask its administrator for the right one",
    "calling-aet": "the PACS does not know this gateway: ask its administrator to enter the calling AE title",
}


type Examine = Callable[[], Awaitable[Verdict]]


def unusable(error: GatewayError) -> Verdict:
    """What is said of a PACS that failed a check with `error`, and what to do."""
    advice = next((text for kind, text in _ADVICE.items() if isinstance(error, kind)), "")
    return failed(f"{error.message}; {advice}" if advice else error.message)


class Examination:
    """One PACS under examination. Its checks are made in the order of CHECKS, until one fails."""

    def __init__(self, connection: PacsConnection, client: PacsClient, clock: Clock) -> None:
        self._connection = connection
        self._client = client
        self._clock = clock
        self._refusal: PacsError | None = None
        self._slowest_s = 0.0
        self._study_instance_uid = ""
        self._capabilities: Capabilities | None = None

    def checks(self) -> tuple[Examine, ...]:
        """The checks, in the order of CHECKS. Each may raise PacsError."""
        return self._reach, self._identify, self._query, self._weigh, self._retrieve, self._transfer_syntaxes

    async def _reach(self) -> Verdict:
        """Whether it answers a health check. One that refuses us does: that is the next check's matter."""
        started_s = self._clock.monotonic_s()
        try:
            await self._client.echo.echo()
        except (PacsCredentialsError, PacsRejectedError) as error:
            self._refusal = error
        self._slowest_s = self._clock.monotonic_s() - started_s
        return passed("the PACS answers at its address")

    async def _identify(self) -> Verdict:
        """Whether it takes us for who we say we are."""
        if self._refusal is None:
            return passed("the PACS admits this gateway")
        if isinstance(self._refusal, PacsRejectedError):
            advice = _REJECTIONS.get(self._refusal.details.get("rejection", ""), "check both AE titles")
        elif self._connection.secret:
            advice = "check user, password or token, and what they may do"
        else:
            advice = "it wants credentials and has been given none: add them"
        return failed(f"{self._refusal.message}; {advice}")

    async def _query(self) -> Verdict:
        """Whether it answers a search, with names that can be read, and one that nothing can match with nothing."""
        started_s = self._clock.monotonic_s()
        some = await self._client.query.find(_ANY_STUDIES, max_results=_SAMPLE)
        self._slowest_s = max(self._slowest_s, self._clock.monotonic_s() - started_s)
        self._study_instance_uid = first_value(some.matches[0], *_STUDY_INSTANCE_UID) if some.matches else ""
        nowhere = MatchingKey(_STUDY_INSTANCE_UID, f"2.25.{uuid.uuid4().int}")
        none = await self._client.query.find(Query(QueryLevel.STUDY, (nowhere,), only_included=True), max_results=1)
        if none.matches:
            return warning(
                "the PACS answers with studies that were not asked for; such answers will be left out, but it works"
                " harder than it must: ask its vendor"
            )
        garbled = sum(has_garbled_name(match, *_PATIENT_NAME) for match in some.matches)
        if garbled:
            return warning(f"{garbled} of {len(some.matches)} patients' names came {_GARBLED}")
        return passed("the PACS answers queries" if some.matches else "the PACS answers queries; it holds no study")

    async def _weigh(self) -> Verdict:
        latency = f"the slowest answer took {self._slowest_s * 1000:.0f} ms"
        if self._slowest_s > SLOW_S:
            return warning(f"{latency}; viewers will wait for it: look at the network, and at the PACS's load")
        return passed(latency)

    async def _retrieve(self) -> Verdict:
        """Whether it hands over instances: as its kind judges it, else one that it lists."""
        if self._client.describer is not None:
            self._capabilities = await self._client.describer.describe()
        if verdict := self._connection.judge_retrieval(self._capabilities):
            return verdict
        if not self._study_instance_uid:
            return skipped("the PACS holds no study to try it with")
        return await self._fetch_one(RetrieveScope(self._study_instance_uid))

    async def _fetch_one(self, study: RetrieveScope) -> Verdict:
        query = listing_query(study)
        found = check_answer(query, await self._client.query.find(query, max_results=1)).result
        listed = [each for match in found.matches if (each := listed_instance(match, study))]
        if not listed:
            return warning("the PACS lists no instance of a study that it names; ask its vendor")
        async with self._client.reader.retrieve(_scope_of(listed[0].ref), listed) as arrivals:
            arrival = await anext(arrivals, None)
        if isinstance(arrival, ReceivedInstance):
            return passed("the PACS hands over an instance")
        text = arrival.error.message if isinstance(arrival, FailedInstance) else "the PACS did not send what it lists"
        return failed(f"{text}; check what this gateway's account may read")

    async def _transfer_syntaxes(self) -> Verdict:
        """Whether compressed images can come as they are stored."""
        uids = self._capabilities.transfer_syntax_uids if self._capabilities else ()
        if not uids:
            return skipped("the PACS does not state them; instances are asked for as they are stored")
        compressed = sum(1 for uid in uids if uid in TRANSFER_SYNTAXES and TRANSFER_SYNTAXES[uid].kind != "native")
        if compressed:
            return passed(f"instances come as they are stored: {len(uids)} transfer syntaxes, {compressed} compressed")
        return warning(
            "the PACS takes part in no compressed transfer syntax: compressed images come decompressed, or not at"
            " all; ask its administrator to allow them to this gateway's AE title"
        )


def _scope_of(ref: InstanceRef) -> RetrieveScope:
    return RetrieveScope(ref.study_instance_uid, ref.series_instance_uid, ref.sop_instance_uid)
