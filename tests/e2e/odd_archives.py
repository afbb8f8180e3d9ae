"""Web archives that break the rules, each below a root of its own at one server, which runs in a thread."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from radgate_server.core.dicom.data_sets import DicomJson
from tests.fakes.instances import STUDY, make_instance, make_study
from tests.integration.odd_web_server import Asked, OddWebServer, Reply, odd_web_server

MATCHES = 30
INSTANCES = 3
UIDS = tuple(f"{STUDY}.1.{number}" for number in range(1, INSTANCES + 1))
SECRET = "Secret^Sally"
"""Text of an archive, which must not reach anybody."""
FILES = make_study(INSTANCES)
STRANGER = make_instance("2.25.666", "2.25.666.1", "2.25.666.1.1", PatientName=SECRET)


def _match(**values: str) -> DicomJson:
    tags = {"study": "0020000D", "series": "0020000E", "sop": "00080018", "patient": "00100020"}
    return {tags[name]: {"vr": "UI" if name != "patient" else "LO", "Value": [text]} for name, text in values.items()}


def _answer(asked: Asked, matches: Sequence[DicomJson]) -> Reply:
    """The page that is asked for."""
    start = int(asked.query.get("offset", "0"))
    page = matches[start : start + int(asked.query.get("limit", "1000"))]
    return Reply(body=json.dumps(page).encode(), headers={"content-type": "application/dicom+json"})


def _refusing(_: Asked) -> Reply:
    return Reply(401, SECRET.encode(), {"www-authenticate": 'Basic realm="archive"'})


def _garbled(_: Asked) -> Reply:
    return Reply(200, f'[{{"00100010": "{SECRET}'.encode(), {"content-type": "application/dicom+json"})


def _silent(_: Asked) -> Reply:
    return Reply(body=b"[", declared=1000, hangs=True)


def _breaking(_: Asked) -> Reply:
    return Reply(body=b"[", declared=1000)


def _busy(_: Asked) -> Reply:
    return Reply(429, SECRET.encode(), {"retry-after": "1"})


def _abundant(asked: Asked) -> Reply:
    return _answer(asked, [_match(study=f"2.25.{number}", patient="P-1") for number in range(1, MATCHES + 1)])


def _confused(asked: Asked) -> Reply:
    return _answer(asked, [_match(study=STUDY, patient="P-1"), _match(study="2.25.666", patient="SOMEBODY ELSE")])


def _forgetful(asked: Asked) -> Reply:
    """Its matches have no value of any key but the Patient ID."""
    return _answer(asked, [_match(study=STUDY, patient="P-1")])


def _nameless(asked: Asked) -> Reply:
    """Its series and instances have no UIDs of their own."""
    return _answer(asked, [_match(study=STUDY, patient="P-1"), _match(study=STUDY)][: 1 + ("series" in asked.path)])


def _holding(*files: bytes) -> Callable[[Asked], Reply]:
    """An archive that lists INSTANCES instances, and sends these files when it is asked for the study."""
    body = b"".join(b"--cut\r\nContent-Type: application/dicom\r\n\r\n" + file + b"\r\n" for file in files)
    sent = Reply(
        body=body + b"--cut--\r\n",
        headers={"content-type": 'multipart/related; type="application/dicom"; boundary=cut'},
    )

    def script(asked: Asked) -> Reply:
        if "multipart" in asked.headers.get("accept", ""):
            return sent
        return _answer(asked, [_match(study=STUDY, series=f"{STUDY}.1", sop=uid) for uid in UIDS])

    return script


ARCHIVES: Mapping[str, Callable[[Asked], Reply]] = {
    "refusing": _refusing,
    "garbled": _garbled,
    "silent": _silent,
    "breaking": _breaking,
    "busy": _busy,
    "abundant": _abundant,
    "confused": _confused,
    "forgetful": _forgetful,
    "nameless": _nameless,
    "swapping": _holding(FILES[0], STRANGER, FILES[2]),
    "repeating": _holding(*FILES, *FILES, FILES[0]),
}


def _dispatch(asked: Asked) -> Reply:
    _, name, rest = asked.target.split("/", 2)
    return ARCHIVES[name](replace(asked, target=f"/{rest}"))


@contextmanager
def odd_archives() -> Iterator[Mapping[str, str]]:
    """Run them; yields each one's URL by its name."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = odd_web_server(_dispatch)
    try:
        running: OddWebServer = asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(30)
        yield {name: f"http://127.0.0.1:{running.port}/{name}" for name in ARCHIVES}
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
