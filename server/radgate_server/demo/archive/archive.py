"""The archive: a DIMSE server whose answers come from a PACS port."""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE, _config, evt
from pynetdicom.dimse_primitives import C_FIND, C_GET, C_MOVE
from pynetdicom.transport import ThreadedAssociationServer

from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.dicom.identifiers import InstanceRef, QueryLevel, RetrieveScope
from radgate_server.core.dicom.instances import Arrival, ListedInstance, ReceivedInstance
from radgate_server.core.errors import GatewayError, PacsError
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.query.model import FindResult, MatchingKey, Query
from radgate_server.core.query.return_attributes import UNIQUE_KEYS
from radgate_server.demo.archive.bridge import LoopBridge, OperationCancelledError
from radgate_server.demo.archive.contexts import VERIFICATION, accept_proposals, storage_contexts
from radgate_server.demo.archive.identifiers import query_of, read_identifier, response_of, scopes_of
from radgate_server.demo.archive.outbox import Outbox
from radgate_server.demo.archive.quick_sockets import QUICK_HANDLERS, Binding

# pynetdicom's log lines may quote data sets, and with them patients.
_config.LOG_HANDLER_LEVEL = "none"
_config.LOG_REQUEST_IDENTIFIERS = False
_config.LOG_RESPONSE_IDENTIFIERS = False
logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)

_SUCCESS = 0x0000
_PENDING = 0xFF00
_CANCELLED = 0xFE00
_OUT_OF_RESOURCES = 0xA700
_IDENTIFIER_MISMATCH = 0xA900
_UNABLE_TO_PROCESS = 0xC001
_MAX_PDU_BYTES = 131072
_MAX_ASSOCIATIONS = 64
_MAX_MATCHES = 100_000
_SOP_CLASS = "00080016"

type Answers = Iterator[tuple[int, Dataset | None]]


class DimseArchive:
    """C-ECHO, C-FIND, C-GET and C-MOVE of the Study Root model (PS3.4 A, C) over the roles of a PACS.

    Instances go out as they are stored where the peer accepts that. `move_destinations` maps AE titles to hosts and
    ports. Only calls that name `ae_title` are accepted. Nothing is secured: bind it to the loopback address.
    """

    def __init__(
        self,
        pacs: PacsClient,
        *,
        ae_title: str,
        host: str = "127.0.0.1",
        port: int = 0,
        move_destinations: Mapping[str, tuple[str, int]],
    ) -> None:
        self._pacs = pacs
        self._ae_title = ae_title
        self._address = (host, port)
        self._move_destinations = move_destinations
        self._server: ThreadedAssociationServer | None = None
        self._bridge: LoopBridge | None = None

    @property
    def port(self) -> int:
        """Port that the archive listens on, chosen by the system if 0 was given. Only after `start`."""
        if self._server is None:
            raise RuntimeError("the archive is not started")
        return int(self._server.server_address[1])

    async def start(self) -> None:
        """Listen; handlers call the PACS on the running event loop. Raises OSError when the port is taken."""
        self._bridge = LoopBridge(asyncio.get_running_loop())
        ae = AE(ae_title=self._ae_title)
        ae.maximum_pdu_size = _MAX_PDU_BYTES
        ae.maximum_associations = _MAX_ASSOCIATIONS
        ae.require_called_aet = True
        ae.add_supported_context(VERIFICATION)  # must have one; accept_proposals decides
        handlers: list[Binding] = [
            (evt.EVT_REQUESTED, accept_proposals),
            (evt.EVT_C_FIND, self._on_find),
            (evt.EVT_C_GET, self._on_get),
            (evt.EVT_C_MOVE, self._on_move),
            *QUICK_HANDLERS,
        ]
        self._server = ae.start_server(self._address, block=False, evt_handlers=[*handlers])

    async def close(self) -> None:
        """Stop listening and abort the associations."""
        if self._server is not None:
            self._running.stop()
            # In a thread: handlers that are still at work need the event loop to end.
            await asyncio.to_thread(self._server.ae.shutdown)
            self._server = None

    def _on_find(self, event: evt.Event) -> Answers:
        try:
            identifier = _identifier(event)
            query = query_of(identifier)
        except GatewayError:
            yield _IDENTIFIER_MISMATCH, None
            return
        try:
            result = self._find(query, event)
        except PacsError:
            yield _UNABLE_TO_PROCESS, None
            return
        except OperationCancelledError:
            yield _CANCELLED, None
            return
        for match in result.matches:
            if event.is_cancelled:
                yield _CANCELLED, None
                return
            yield _PENDING, response_of(match, identifier, self._ae_title)
        if result.truncated:
            yield _OUT_OF_RESOURCES, None

    def _on_get(self, event: evt.Event) -> Iterator[Any]:
        listings = self._list(event)
        yield sum(len(listed) for _, listed in listings)
        outbox = Outbox(event.assoc)
        for trigger, handler in outbox.handlers:
            event.assoc.bind(trigger, handler)
        try:
            yield from self._sub_operations(event, listings, outbox)
        finally:
            for trigger, handler in outbox.handlers:
                event.assoc.unbind(trigger, handler)

    def _on_move(self, event: evt.Event) -> Iterator[Any]:
        destination = self._move_destinations.get((event.move_destination or "").strip())
        if destination is None:
            yield None, None
            return
        listings = self._list(event)
        classes = {item.sop_class_uid for _, listed in listings for item in listed}
        outbox = Outbox(originator_aet=event.assoc.requestor.ae_title.strip())
        yield (
            *destination,
            {"contexts": storage_contexts(classes), "evt_handlers": [*outbox.handlers, *QUICK_HANDLERS]},
        )
        yield sum(len(listed) for _, listed in listings)
        yield from self._sub_operations(event, listings, outbox)

    def _sub_operations(
        self, event: evt.Event, listings: Sequence[tuple[RetrieveScope, list[ListedInstance]]], outbox: Outbox
    ) -> Answers:
        """Yield each listed instance once: to be sent, or to be counted as failed."""
        for scope, listed in listings:
            missing = {item.ref: item for item in listed}
            try:
                with suppress(PacsError):  # what is missing afterwards shows it
                    for arrival in self._retrieve(scope, listed, event):
                        if isinstance(arrival, ReceivedInstance) and missing.pop(arrival.ref, None) is not None:
                            yield _PENDING, outbox.put(arrival)
            except OperationCancelledError:
                yield _CANCELLED, None
                return
            for item in missing.values():
                yield _PENDING, outbox.unsendable(item)

    def _list(self, event: evt.Event) -> list[tuple[RetrieveScope, list[ListedInstance]]]:
        """List what the request names. What this raises, pynetdicom answers with "unable to process"."""
        return [
            (scope, [_listed_instance(match) for match in self._find(_listing_query(scope), event).matches])
            for scope in scopes_of(_identifier(event))
        ]

    def _find(self, query: Query, event: evt.Event) -> FindResult:
        find = self._pacs.query.find(query, max_results=_MAX_MATCHES)
        return self._running.call(find, lambda: _is_over(event))

    def _retrieve(self, scope: RetrieveScope, listed: list[ListedInstance], event: evt.Event) -> Iterator[Arrival]:
        return self._running.iterate(self._pacs.reader.retrieve(scope, listed), lambda: _is_over(event))

    @property
    def _running(self) -> LoopBridge:
        if self._bridge is None:
            raise RuntimeError("the archive is not started")
        return self._bridge


def _is_over(event: evt.Event) -> bool:
    """Whether the peer cancelled the operation or is gone."""
    return event.is_cancelled or event.assoc.acse.is_aborted()


def _identifier(event: evt.Event) -> DicomJson:
    request = event.request
    encoded = (
        request.Identifier.getvalue() if isinstance(request, C_FIND | C_GET | C_MOVE) and request.Identifier else b""
    )
    return read_identifier(encoded, event.context.transfer_syntax)


def _listing_query(scope: RetrieveScope) -> Query:
    uids = (scope.study_instance_uid, scope.series_instance_uid, scope.sop_instance_uid)
    keys = [MatchingKey((tag,), uid) for tag, uid in zip(UNIQUE_KEYS.values(), uids, strict=True) if uid]
    return Query(QueryLevel.IMAGE, tuple(sorted(keys, key=lambda key: key.path)))


def _listed_instance(match: DicomJson) -> ListedInstance:
    uids = [match[tag]["Value"][0] for tag in UNIQUE_KEYS.values()]
    return ListedInstance(InstanceRef(*uids), match.get(_SOP_CLASS, {}).get("Value", [""])[0])
