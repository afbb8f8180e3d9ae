"""What crosses between the server and a worker, there and back, and what a worker may not make the server believe."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radgate_server.adapters.imaging.codecs import transcode_frame
from radgate_server.adapters.imaging.operations import Result
from radgate_server.adapters.imaging.worker import answers, requests
from radgate_server.adapters.imaging.worker.answers import (
    FAILURES,
    Done,
    Failed,
    read_answer,
    write_error,
    write_result,
)
from radgate_server.adapters.imaging.worker.checks import BrokenAnswerError
from radgate_server.adapters.imaging.worker.requests import Task, read_round, write_round
from radgate_server.adapters.imaging.worker.results import unpack
from radgate_server.adapters.imaging.worker.shared_memory import MAPPED_BYTES, SharedMemory, Span
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.errors import GatewayError, InvalidArgumentError, NotAcceptableError, PacsFailedError
from radgate_server.core.imaging.frames import DecodedFrame, EncodedFrame, EncodeTarget, RenderedImage, StoredFrame
from radgate_server.core.imaging.presentation.model import LookupTable, Presentation

IMAGE = ImagePixel(2, 3, 1, 16, 12, 1, 1, "MONOCHROME2")
MOST_BYTES = 1 << 20
LARGE = 3 * answers.INLINE_BYTES
REGION_BYTES = 2 * MAPPED_BYTES


@pytest.fixture
def memory() -> Iterator[SharedMemory]:
    region = SharedMemory.create("test", REGION_BYTES)
    yield region
    region.close()


def there_and_back(result: Result, memory: SharedMemory) -> Result:
    done = read_answer(write_result(result, memory), MOST_BYTES)
    assert isinstance(done, Done)
    return done.result(type(result), memory)


@pytest.mark.parametrize("size", [0, 7, LARGE])
def test_results_cross(memory: SharedMemory, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    memory.put(b"the result before")
    for result in (
        DecodedFrame(data, IMAGE, ("a note",)),
        EncodedFrame(data, "1.2.840.10008.1.2.4.80", IMAGE, lossy=True),
        RenderedImage(data, "image/png", 2, 3, ("one", "two")),
    ):
        assert there_and_back(result, memory) == result


@pytest.mark.parametrize("sizes", [(5,), (LARGE, 5, LARGE), (requests.INLINE_BYTES,) * 8])
def test_rounds_cross(memory: SharedMemory, sizes: tuple[int, ...]) -> None:
    frames = [StoredFrame(bytes([number]) * size, "1.2.3", IMAGE) for number, size in enumerate(sizes)]
    presentation = Presentation(modality_lut=LookupTable(0, 16, bytes(LARGE)))
    tasks = [Task("render", (frame,), ((presentation,), EncodeTarget("1.2"))) for frame in frames]
    message = write_round(tasks, memory)
    assert len(message) <= requests.LONGEST_MESSAGE_BYTES
    assert [task._replace(frames=tuple(task.frames)) for task in read_round(message, memory)] == tasks


def test_short_arguments_are_unpacked_once_and_long_ones_are_not_kept(memory: SharedMemory) -> None:
    frame = StoredFrame(b"", "1.2.3", IMAGE)
    short, long = Presentation(modality="CT"), Presentation(modality_lut=LookupTable(0, 16, bytes(2000)))
    for presentation, kept in ((short, True), (long, False)):
        message = write_round([Task("render", (frame,), (presentation,))], memory)
        first, second = (read_round(message, memory)[0].arguments[0] for _ in range(2))
        assert first == presentation
        assert (first is second) is kept


def test_the_number_of_arguments_that_are_remembered_is_bounded(memory: SharedMemory) -> None:
    frame = StoredFrame(b"", "1.2.3", IMAGE)
    for number in range(1000):
        message = write_round([Task("decode_reduced", (frame,), (number, 7))], memory)
        assert read_round(message, memory)[0].arguments == (number, 7)
    assert len(requests._packed) <= requests._REMEMBERED
    assert len(requests._unpacked) <= requests._REMEMBERED


def test_frames_are_read_where_they_lie(memory: SharedMemory) -> None:
    data = bytes(range(256)) * (LARGE // 256)
    message = write_round([Task("decode", (StoredFrame(data, EXPLICIT_VR_LITTLE_ENDIAN, IMAGE),), ())], memory)
    (frame,) = read_round(message, memory)[0].frames
    view = cast("memoryview", frame.data)
    assert (view.readonly, bytes(view)) == (True, data)
    view.release()


@pytest.mark.parametrize("end", [".5", ".4.50", ".4.70", ".4.80", ".4.90", ".4.202", ".4.110"])
def test_every_codec_reads_frames_where_they_lie(memory: SharedMemory, end: str) -> None:
    image = ImagePixel(128, 128, 1, 8, 8, 0, 7, "MONOCHROME2")
    native = StoredFrame(bytes(range(256)) * 64, EXPLICIT_VR_LITTLE_ENDIAN, image)
    encoded = transcode_frame(native, EncodeTarget(f"1.2.840.10008.1.2{end}"))
    stored = StoredFrame(bytes(encoded.data), encoded.transfer_syntax_uid, encoded.image)
    there = replace(stored, data=cast("bytes", memory.view(memory.put(stored.data))))
    misnamed = replace(there, transfer_syntax_uid="1.2.840.10008.1.2.5")
    target = EncodeTarget(EXPLICIT_VR_LITTLE_ENDIAN)
    wanted = transcode_frame(stored, target)
    for frame in (there, misnamed):
        assert replace(transcode_frame(frame, target), notes=()) == wanted
    cast("memoryview", there.data).release()


def test_what_is_not_mapped_is_copied(memory: SharedMemory) -> None:
    memory.put(bytes(MAPPED_BYTES))
    assert memory.view(memory.put(b"behind")) == b"behind"
    with pytest.raises(EOFError):
        memory.view(Span(REGION_BYTES, 1))


@pytest.mark.parametrize("kind", FAILURES.values(), ids=FAILURES)
def test_our_own_errors_cross(kind: Any) -> None:
    error = kind("field: text", {"field": "field"})
    crossed = read_answer(write_error(error), MOST_BYTES)
    assert isinstance(crossed, GatewayError)
    assert (type(crossed), crossed.message, crossed.details) == (type(error), error.message, error.details)


def test_an_invalid_argument_keeps_its_field() -> None:
    crossed = read_answer(write_error(InvalidArgumentError("viewport", "is too narrow")), MOST_BYTES)
    assert isinstance(crossed, InvalidArgumentError)
    assert (crossed.field, crossed.description) == ("viewport", "is too narrow")


@pytest.mark.parametrize(
    "error", [ValueError("Doe^Jane"), PacsFailedError("Doe^Jane", pacs="ris"), KeyboardInterrupt()]
)
def test_of_other_errors_only_the_kind_crosses(error: BaseException) -> None:
    message = write_error(error)
    assert b"Doe" not in message
    assert read_answer(message, MOST_BYTES) == Failed(type(error).__name__)


def test_a_message_is_bounded_however_long_the_text() -> None:
    message = write_error(NotAcceptableError("x" * 100_000, stored="y" * 100_000))
    assert len(message) < 3000
    assert isinstance(read_answer(message, MOST_BYTES), NotAcceptableError)


def place(offset: int, length: int) -> bytes:
    return offset.to_bytes(8, "little") + length.to_bytes(8, "little")


BROKEN = (
    b"",
    b"\x80\x04K\x01.",
    b"refused " + b"[" * 100_000,
    b"ready\n",
    b"there []\n",
    b"there []\n" + bytes(15),
    b"there []\n" + bytes(17),
    b"there []\n" + place(MOST_BYTES + 1, 1),
    b"there []\n" + place(0, MOST_BYTES + 1),
    b'failed ["Doe^Jane"]\n',
    b"failed " + json.dumps(["a" * 2000]).encode() + b"\n",
    b'refused ["SystemExit","text",{}]\n',
    b'refused ["PacsFailedError","text",{}]\n',
    b'refused ["NotAcceptableError",5,{}]\n',
    b'refused ["NotAcceptableError","text",{"stored":5}]\n',
    b'refused ["NotAcceptableError","text",{"message":"twice"}]\n',
    b'refused ["NotAcceptableError","text",{"self":"twice"}]\n',
    b"refused " + json.dumps(["NotAcceptableError", "a" * 2000, {}]).encode() + b"\n",
)


@pytest.mark.parametrize("message", BROKEN)
def test_a_broken_message_is_not_believed(message: bytes) -> None:
    with pytest.raises(BrokenAnswerError):
        read_answer(message, MOST_BYTES)


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [list(IMAGE)],
        [list(IMAGE), [], []],
        [list(IMAGE)[:-1], []],
        [None, []],
        [[True, *IMAGE[1:]], []],
        [[-1, *IMAGE[1:]], []],
        [[1 << 40, *IMAGE[1:]], []],
        [[*IMAGE[:-1], -2], []],
        [[*IMAGE[:7], 5, 0], []],
        [list(IMAGE), "a note"],
        [list(IMAGE), [5]],
        [list(IMAGE), ["a"] * 101],
        [list(IMAGE), ["a" * 1001]],
    ],
)
def test_a_result_with_broken_fields_is_not_believed(fields: list[Any], memory: SharedMemory) -> None:
    with pytest.raises(BrokenAnswerError):
        Done(json.dumps(fields).encode(), b"", None).result(DecodedFrame, memory)


@pytest.mark.parametrize("fields", [b"", b"{}", b"5", b"\xff", b"[" * 100_000, json.dumps([[], ["a"] * 1000]).encode()])
def test_a_result_without_fields_is_not_believed(fields: bytes, memory: SharedMemory) -> None:
    with pytest.raises(BrokenAnswerError):
        Done(fields, b"", None).result(DecodedFrame, memory)


def test_fields_are_checked_for_each_kind_of_result_by_itself(memory: SharedMemory) -> None:
    fields = write_result(DecodedFrame(b"", IMAGE), memory).removeprefix(b"here ").removesuffix(b"\n")
    assert Done(fields, b"1", None).result(DecodedFrame, memory) == DecodedFrame(b"1", IMAGE)
    assert Done(fields, b"2", None).result(DecodedFrame, memory) == DecodedFrame(b"2", IMAGE)
    with pytest.raises(BrokenAnswerError):
        Done(fields, b"1", None).result(RenderedImage, memory)


def test_a_result_of_another_kind_is_not_believed(memory: SharedMemory) -> None:
    done = read_answer(write_result(RenderedImage(b"", "image/png", 1, 1), memory), MOST_BYTES)
    assert isinstance(done, Done)
    with pytest.raises(BrokenAnswerError):
        done.result(DecodedFrame, memory)


def test_memory_can_be_made_neither_shorter_nor_longer(memory: SharedMemory) -> None:
    for size in (0, REGION_BYTES - 1, REGION_BYTES + 1):
        with pytest.raises(PermissionError):
            os.ftruncate(memory.fd, size)
    with pytest.raises(PermissionError):
        os.pwrite(memory.fd, b"too far", REGION_BYTES)


def test_a_result_beyond_the_memory_is_not_believed(memory: SharedMemory) -> None:
    message = b'there [[1,1,1,8,8,0,1,"MONOCHROME2",0],[]]\n' + place(REGION_BYTES - 6, 100)
    done = read_answer(message, REGION_BYTES)
    assert isinstance(done, Done)
    with pytest.raises(BrokenAnswerError):
        done.result(DecodedFrame, memory)


@pytest.mark.parametrize("before", [0, MAPPED_BYTES - 5, MAPPED_BYTES, MAPPED_BYTES + 5])
def test_memory_is_one_whether_mapped_or_not(before: int, memory: SharedMemory) -> None:
    memory.put(bytes(before))
    first, second = memory.put(b"one piece"), memory.put(b"another")
    assert (memory.take(first), memory.take(second)) == (b"one piece", b"another")
    assert os.pread(memory.fd, 9, before) == b"one piece"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(sorted(FAILURES)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)

NAMES = st.sampled_from(sorted(FAILURES))
LIKE_ANSWERS = st.tuples(NAMES).map(list) | st.tuples(NAMES, st.text(), st.dictionaries(st.text(), st.text())).map(list)


@given(st.sampled_from(["here", "there", "refused", "failed", "else"]), st.lists(JSON) | LIKE_ANSWERS, st.binary())
def test_nothing_that_a_worker_says_does_anything_but_be_an_answer_or_be_broken(
    word: str, items: list[Any], data: bytes
) -> None:
    try:
        answer = read_answer(f"{word} {json.dumps(items)}\n".encode() + data, MOST_BYTES)
        if isinstance(answer, Done):
            unpack(EncodedFrame, answer.data, answer.fields)
    except BrokenAnswerError:
        return
    assert isinstance(answer, Done | Failed | GatewayError)


def test_memory_that_was_used_much_is_given_back(memory: SharedMemory) -> None:
    memory.put(b"x" * (REGION_BYTES - 1))
    assert used_bytes(memory) == REGION_BYTES
    memory.trim()
    assert used_bytes(memory) == MAPPED_BYTES
    assert memory.take(Span(MAPPED_BYTES - 1, 2)) == b"x\0"
    memory.rewind()
    assert memory.put(b"again") == Span(0, 5)


def used_bytes(memory: SharedMemory) -> int:
    return os.fstat(memory.fd).st_blocks * 512
