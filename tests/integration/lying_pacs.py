"""A PACS that lists one thing and sends another, over DIMSE (C-FIND, C-GET, C-MOVE) and DICOMweb.

It holds two studies of two patients, three CT slices each. Asked for the second slice of either, it lies. By hand:

    python -m tests.integration.lying_pacs swapped --destination RADGATE=127.0.0.1:11112
"""

import argparse
import json
import re
import threading
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import pynetdicom.association
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pynetdicom import build_context
from pynetdicom.events import Event
from pynetdicom.sop_class import CTImageStorage

from tests.fakes.instances import encode, make_dataset
from tests.integration.faulty_scp import FaultyScp

HONEST, OTHER = "2.25.501", "2.25.502"
PATIENTS = {HONEST: ("Right^Patient", "RIGHT"), OTHER: ("Wrong^Patient", "WRONG")}
LIED_ABOUT = 2
"""Number of the slice in whose place something else is sent."""

type Sent = Callable[[Dataset, Dataset], bytes]
"""The encoded data set that is sent in place of a slice; the same slice of the other study is given too."""


def encoded(dataset: Dataset) -> bytes:
    """The data set without preamble and file meta, in Explicit VR Little Endian."""
    file = DicomBytesIO()
    file.is_implicit_VR, file.is_little_endian = False, True
    write_dataset(file, dataset)
    return file.getvalue()


def _of_another_patient(dataset: Dataset, _: Dataset) -> bytes:
    changed = deepcopy(dataset)
    changed.PatientID = "SOMEBODY"
    return encoded(changed)


LIES: dict[str, Sent] = {
    "honest": lambda dataset, _: encoded(dataset),
    "swapped": lambda _, other: encoded(other),
    "patient": _of_another_patient,
    "cut": lambda dataset, _: encoded(dataset)[:-100],
    "random": lambda dataset, _: b"\x93\x11\xfe" * (len(encoded(dataset)) // 3),
}


def slices() -> list[Dataset]:
    """Both studies."""
    return [
        make_dataset(
            study, f"{study}.1", f"{study}.1.{n}", number=n, rows=64, columns=64, PatientName=name, PatientID=id_
        )
        for study, (name, id_) in PATIENTS.items()
        for n in (1, 2, 3)
    ]


@dataclass
class LyingPacs:
    """Start with `with LyingPacs(lie) as pacs:`. C-MOVE may send to `destinations`: AE title, host and port."""

    lie: str
    dicom_port: int = 0
    web_port: int = 0
    destinations: dict[str, tuple[str, int]] = field(default_factory=dict)
    held: list[Dataset] = field(default_factory=slices)

    def sent(self, dataset: Dataset) -> bytes:
        """The encoded data set that goes out when this one is asked for."""
        lie = self.lie if dataset.InstanceNumber == LIED_ABOUT else "honest"
        (other,) = (
            each
            for each in self.held
            if each.InstanceNumber == dataset.InstanceNumber and each.PatientID != dataset.PatientID
        )
        return LIES[lie](dataset, other)

    def __enter__(self) -> Self:
        """Start both doors."""
        _let_data_sets_bring_their_bytes()
        self._scp = FaultyScp(on_find=self._find, on_get=self._get, on_move=self._move, port=self.dicom_port)
        self._scp.start()
        self._web = ThreadingHTTPServer(("127.0.0.1", self.web_port), _handler(self))
        threading.Thread(target=self._web.serve_forever, daemon=True).start()
        self.dicom_port, self.web_port = self._scp.port, self._web.server_port
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._web.shutdown()
        self._web.server_close()
        self._scp.stop()

    def matching(self, **uids: str) -> list[Dataset]:
        """Those that have these values; an empty one matches all."""
        return [one for one in self.held if all(not v or str(one.get(k)) in v.split("\\") for k, v in uids.items())]

    def _asked(self, identifier: Dataset) -> list[Dataset]:
        keys = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "PatientID")
        return self.matching(**{key: _text(identifier.get(key)) for key in keys})

    def _find(self, event: Event) -> Iterator[Any]:
        level = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID"}
        unique = level.get(event.identifier.QueryRetrieveLevel, "SOPInstanceUID")
        for dataset in {one[unique].value: one for one in self._asked(event.identifier)}.values():
            answer = Dataset()
            for element in event.identifier:
                answer.add(dataset.get(element.tag, element))
            yield 0xFF00, answer

    def _get(self, event: Event) -> Iterator[Any]:
        found = self._asked(event.identifier)
        yield len(found)
        for dataset in found:
            yield 0xFF00, self._lying(dataset)

    def _move(self, event: Event) -> Iterator[Any]:
        host, port = self.destinations.get(event.move_destination, (None, None))
        yield host, port, {"contexts": [build_context(CTImageStorage)]}
        yield from self._get(event)

    def _lying(self, dataset: Dataset) -> Dataset:
        labelled = deepcopy(dataset)
        labelled.sent_bytes = self.sent(dataset)
        return labelled

    def file(self, dataset: Dataset) -> bytes:
        """The DICOM file that DICOMweb sends."""
        whole = encode(dataset)
        return whole[: -len(encoded(dcmread(BytesIO(whole))))] + self.sent(dataset)


def _text(value: Any) -> str:
    return "\\".join(value) if isinstance(value, list) else str(value or "")


def _let_data_sets_bring_their_bytes() -> None:
    """Have pynetdicom send what a data set has as `sent_bytes`, whatever its elements are."""
    usual = pynetdicom.association.encode
    if getattr(usual, "lies", False):
        return

    def lying_encode(dataset: Dataset, *arguments: Any) -> bytes | None:
        return getattr(dataset, "sent_bytes", None) or usual(dataset, *arguments)

    lying_encode.lies = True  # type: ignore[attr-defined]
    pynetdicom.association.encode = lying_encode


_UIDS = {"studies": "StudyInstanceUID", "series": "SeriesInstanceUID", "instances": "SOPInstanceUID"}
_PATH = re.compile(r"/(studies|series|instances)(?:/([0-9.]+))?")
_BOUNDARY = "lyinglyinglying"


def _handler(pacs: LyingPacs) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Search where the path ends with a level, else retrieve."""
            url = urlsplit(self.path)
            path = _PATH.findall(url.path)
            uids = {_UIDS[level]: uid for level, uid in path if uid}
            keys = {key: value for key, value in parse_qsl(url.query) if key in _UIDS.values()}
            found = pacs.matching(**{**keys, **uids})
            if path and path[-1][1]:
                self._send(*_multipart([pacs.file(one) for one in found]))
            else:
                unique = _UIDS[path[-1][0]] if path else "StudyInstanceUID"
                self._send(*_json(list({one[unique].value: one for one in found}.values())))

        def _send(self, content_type: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler


def _multipart(files: list[bytes]) -> tuple[str, bytes]:
    part = f"--{_BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    body = b"".join(part + file + b"\r\n" for file in files) + f"--{_BOUNDARY}--\r\n".encode()
    return f'multipart/related; type="application/dicom"; boundary={_BOUNDARY}', body


def _json(datasets: list[Dataset]) -> tuple[str, bytes]:
    headers = [{tag: each for tag, each in one.to_json_dict().items() if tag != "7FE00010"} for one in datasets]
    return "application/dicom+json", json.dumps(headers).encode()


def _place(text: str) -> tuple[str, tuple[str, int]]:
    ae_title, _, address = text.partition("=")
    host, _, port = address.rpartition(":")
    return ae_title, (host, int(port))


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lie", choices=LIES)
    parser.add_argument("--dicom-port", type=int, default=11119)
    parser.add_argument("--web-port", type=int, default=8049)
    parser.add_argument("--destination", type=_place, action="append", default=[], metavar="AET=HOST:PORT")
    asked = parser.parse_args()
    with LyingPacs(asked.lie, asked.dicom_port, asked.web_port, dict(asked.destination)) as pacs:
        print(f"{asked.lie}: DIMSE FAULTY at 127.0.0.1:{pacs.dicom_port}, DICOMweb http://127.0.0.1:{pacs.web_port}")
        print(f"studies {', '.join(PATIENTS)}; the lie is about slice {LIED_ABOUT}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
