"""A PACS made with pynetdicom that misbehaves on purpose."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.events import Event
from pynetdicom.sop_class import (
    CTImageStorage,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

MODELS = (
    Verification,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)


def ct_instance(number: int, *, study: str = "1.2.3", pixel_bytes: int = 1000) -> Dataset:
    """A CT slice with SOP Instance UID 1.2.3.4.<number> in series 1.2.3.4."""
    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = f"1.2.3.4.{number}"
    dataset.StudyInstanceUID = study
    dataset.SeriesInstanceUID = "1.2.3.4"
    dataset.PatientName = "Nobody"
    dataset.add_new(0x7FE00010, "OB", bytes(pixel_bytes))
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


@dataclass
class FaultyScp:
    """Start with `with FaultyScp(on_get=...) as scp:`. Handlers are pynetdicom's."""

    on_echo: Callable[[Event], int] | None = None
    on_find: Callable[[Event], Iterator[Any]] | None = None
    on_get: Callable[[Event], Iterator[Any]] | None = None
    on_move: Callable[[Event], Iterator[Any]] | None = None
    on_store: Callable[[Event], int] | None = None
    on_request: Callable[[Event], None] | None = None
    on_identity: Callable[[Event], tuple[bool, bytes | None]] | None = None
    tls: ssl.SSLContext | None = None
    models: tuple[str, ...] = MODELS
    required_called_aet: bool = False
    required_calling_aet: list[str] = field(default_factory=list)
    max_associations: int = 50
    port: int = 0
    """Where it listens; once started, never 0."""
    associations: int = field(default=0, init=False)
    aborted: threading.Event = field(default_factory=threading.Event, init=False)
    released: threading.Event = field(default_factory=threading.Event, init=False)
    _server: Any = field(default=None, init=False)

    def start(self) -> None:
        """Listen."""
        ae = AE("FAULTY")
        ae.require_called_aet = self.required_called_aet
        ae.require_calling_aet = self.required_calling_aet
        ae.maximum_associations = self.max_associations
        for model in self.models:
            ae.add_supported_context(model)
        for context in AllStoragePresentationContexts:
            ae.add_supported_context(str(context.abstract_syntax), scu_role=True, scp_role=True)
        handlers: list[Any] = [
            (evt.EVT_ACCEPTED, self._count),
            (evt.EVT_ABORTED, lambda _: self.aborted.set()),
            (evt.EVT_RELEASED, lambda _: self.released.set()),
        ]
        for event, handler in (
            (evt.EVT_C_ECHO, self.on_echo),
            (evt.EVT_C_FIND, self.on_find),
            (evt.EVT_C_GET, self.on_get),
            (evt.EVT_C_MOVE, self.on_move),
            (evt.EVT_C_STORE, self.on_store),
            (evt.EVT_REQUESTED, self.on_request),
            (evt.EVT_USER_ID, self.on_identity),
        ):
            if handler is not None:
                handlers.append((event, handler))
        address = ("127.0.0.1", self.port)
        self._server = ae.start_server(address, block=False, evt_handlers=handlers, ssl_context=self.tls)
        self.port = int(self._server.server_address[1])

    def _count(self, _: Event) -> None:
        self.associations += 1

    def stop(self) -> None:
        """Stop listening, let what is about to end do so, and drop the rest."""
        self.wait_until_empty(0.5)
        self._server.ae.shutdown()

    def wait_until_empty(self, timeout_s: float) -> None:
        """An association that was released counts until its thread has ended."""
        deadline = time.monotonic() + timeout_s
        while self._server.active_associations and time.monotonic() < deadline:
            time.sleep(0.01)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()


def identifier(**values: str) -> Dataset:
    """An answer's identifier."""
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset
