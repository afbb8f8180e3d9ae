"""Clients of the drill: each asks again and again for something else, through one Envoy, and compares every byte."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

import grpc
import httpx

import radgate
from tests.drill.machines.studies import Instance, Study, pixel_data

PATIENCE_S = 20.0
ENDED = frozenset({"JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"})
REFUSALS = frozenset({429, 502, 503, 504})
GRPC_REFUSALS = frozenset(
    {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED}
)


class Outcome(StrEnum):
    """What a client met."""

    RIGHT = "right"
    PARTIAL = "partial and saying so"
    REFUSED = "refused"
    FAILED = "failed by a defect"
    WRONG = "wrong"


@dataclass(frozen=True)
class Answer:
    """One answer: when it came (by time.monotonic), what it was, and why; `why` is "" where it was right."""

    at_s: float
    act: str
    outcome: Outcome
    why: str = ""


class WrongAnswerError(Exception):
    """An answer that is taken for a good one has other bytes than the PACS's, or too few."""


class PartialAnswerError(Exception):
    """An answer that reports that something is missing of it."""


@dataclass
class Clients:
    """So many clients, which read until the block ends: each at one of the addresses, with one of the keys."""

    urls: Sequence[str]
    keys: Sequence[str]
    studies: Sequence[Study]
    count: int
    answers: list[Answer] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        """Let them begin."""
        threads = self._stack.enter_context(ThreadPoolExecutor(self.count, thread_name_prefix="client"))
        running = [threads.submit(self._run, number) for number in range(self.count)]
        self._stack.callback(lambda: [one.result() for one in running])  # what a client raises is a defect of the drill
        self._stack.callback(self._ended.set)
        return self

    def __exit__(self, *_: object) -> None:
        """Let each finish what it asks for."""
        self._stack.close()

    def _run(self, number: int) -> None:
        chance = random.Random(number)  # which study it reads is no secret
        with ExitStack() as stack:
            turn, url = divmod(number, len(self.urls))
            reader = stack.enter_context(_reader(self.urls[url], self.keys[turn % len(self.keys)]))
            while not self._ended.is_set():
                act = chance.choice(ACTS)
                self.answers.append(_ask(act, reader, chance.choice(self.studies), chance))
                time.sleep(chance.random() / 5)


@dataclass(frozen=True)
class Reader:
    """One client's connections."""

    web: httpx.Client
    sdk: radgate.Client


@contextmanager
def _reader(url: str, key: str) -> Iterator[Reader]:
    headers = {"authorization": f"Bearer {key}"}
    address = url.removeprefix("http://")
    with (
        httpx.Client(base_url=url, headers=headers, timeout=PATIENCE_S, trust_env=False) as web,
        radgate.Client(address, key, timeout_s=PATIENCE_S) as sdk,
    ):
        yield Reader(web, sdk)


type Act = Callable[[Reader, Study, random.Random], None]


def _ask(act: Act, reader: Reader, study: Study, chance: random.Random) -> Answer:
    outcome, why = _outcome(lambda: act(reader, study, chance))
    return Answer(time.monotonic(), act.__name__, outcome, why)


def _outcome(act: Callable[[], None]) -> tuple[Outcome, str]:
    try:
        act()
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        return Outcome.REFUSED if status in REFUSALS else Outcome.FAILED, f"HTTP {status} {_reason(error.response)}"
    except httpx.TransportError as error:
        return Outcome.REFUSED, type(error).__name__
    except radgate.IncompleteStudyError as error:
        return Outcome.PARTIAL, " ".join(("IncompleteStudyError", *sorted({one.reason for one in error.missing})))
    except PartialAnswerError as error:
        return Outcome.PARTIAL, type(error).__name__
    except radgate.RadgateError as error:
        return Outcome.REFUSED if error.code in GRPC_REFUSALS else Outcome.FAILED, error.reason or error.code.name
    except WrongAnswerError as error:
        return Outcome.WRONG, str(error)
    return Outcome.RIGHT, ""


def _reason(refusal: httpx.Response) -> str:
    """The reason that the server gives, "no reason" where Envoy refuses by itself."""
    try:
        return next(detail["reason"] for detail in refusal.json()["details"] if "reason" in detail)
    except (ValueError, KeyError, TypeError, StopIteration):
        return "no reason"


def search(reader: Reader, study: Study, _chance: random.Random) -> None:
    """QIDO-RS: the study's instances, each of them; a PACS that did not answer is named in a warning."""
    path = f"/dicom-web/studies/{study.study_instance_uid}/instances"
    answer = reader.web.get(path).raise_for_status()
    found = {match["00080018"]["Value"][0] for match in answer.json()} if answer.status_code == 200 else set()
    if found != set(study.frames):
        if "warning" in answer.headers:
            raise PartialAnswerError
        raise WrongAnswerError(f"{len(found)} of {len(study.instances)} instances were found")


def frame(reader: Reader, study: Study, chance: random.Random) -> None:
    """WADO-RS: one frame."""
    instance = chance.choice(study.instances)
    headers = {"accept": 'multipart/related; type="application/octet-stream"'}
    _compare(_only_part(reader.web.get(f"{instance.path}/frames/1", headers=headers)), instance)


def instance(reader: Reader, study: Study, chance: random.Random) -> None:
    """WADO-RS: one instance."""
    one = chance.choice(study.instances)
    headers = {"accept": 'multipart/related; type="application/dicom"'}
    _compare(pixel_data(_only_part(reader.web.get(one.path, headers=headers))), one)


def metadata(reader: Reader, study: Study, _chance: random.Random) -> None:
    """WADO-RS: the study's metadata."""
    answer = reader.web.get(f"/dicom-web/studies/{study.study_instance_uid}/metadata").raise_for_status()
    if answer.status_code == 206:
        raise PartialAnswerError
    if {match["00080018"]["Value"][0] for match in answer.json()} != set(study.frames):
        raise WrongAnswerError("metadata of other instances came")


def stream(reader: Reader, study: Study, _chance: random.Random) -> None:
    """gRPC: the study, which continues by resume token where it breaks."""
    came = [one.data for one in reader.sdk.retrieve_study(study.study_instance_uid, timeout_s=PATIENCE_S)]
    if sorted(map(pixel_data, came)) != sorted(study.frames.values()):
        raise WrongAnswerError("a stream had other bytes")


def job(reader: Reader, study: Study, _chance: random.Random) -> None:
    """A job that makes thumbnails, from its creation to its end."""
    wanted = {"makeThumbnails": {"studyInstanceUid": study.study_instance_uid}}
    made = reader.web.post("/api/v1/jobs", json=wanted).raise_for_status().json()["job"]
    until = time.monotonic() + PATIENCE_S
    while made["state"] not in ENDED:
        if time.monotonic() > until:
            reader.web.post(
                f"/api/v1/jobs/{made['jobId']}:cancel", json={}
            ).raise_for_status()  # or the line only grows
            raise PartialAnswerError
        time.sleep(0.2)
        made = reader.web.get(f"/api/v1/jobs/{made['jobId']}").raise_for_status().json()["job"]
    if made["state"] != "JOB_STATE_SUCCEEDED":
        raise PartialAnswerError


ACTS: Sequence[Act] = (search, frame, frame, frame, instance, metadata, stream, job)


def _only_part(answer: httpx.Response) -> bytes:
    """The body of a multipart answer with one part (RFC 2046 5.1.1)."""
    answer.raise_for_status()
    if answer.status_code == 206:
        raise PartialAnswerError
    boundary = answer.headers["content-type"].partition("boundary=")[2].partition(";")[0].strip('"').encode()
    part = answer.content.split(b"--" + boundary)[1]
    return part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")


def _compare(pixels: bytes, instance: Instance) -> None:
    if pixels != instance.frame:
        raise WrongAnswerError("a frame has other bytes than the PACS's")
