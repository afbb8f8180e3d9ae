import pytest

from radgate.v1.retrieve_service_pb2 import RetrieveFramesResponse, RetrieveInstancesResponse
from radgate.v1.transcode_service_pb2 import (
    TranscodeFramesResponse,
    TranscodeInstanceResponse,
    TranscodeUploadResponse,
)
from radgate_server.rpc.pipeline.messages import MAX_DATA_BYTES, spans_of
from radgate_server.rpc.v1.streams.chunks import chunk_message

RESPONSES = (
    RetrieveInstancesResponse,
    RetrieveFramesResponse,
    TranscodeFramesResponse,
    TranscodeInstanceResponse,
    TranscodeUploadResponse,
)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16383, 16384, 2097151, 2097152])
def test_a_framed_chunk_is_what_the_generated_code_makes(size: int) -> None:
    data = b"\xff" * size
    for response in RESPONSES:
        assert chunk_message(data) == response(chunk=data).SerializeToString()
    assert chunk_message(memoryview(data)) == chunk_message(data)


@pytest.mark.parametrize("size", [0, 1, 99, 100, 150, 151, 1000, 1001])
def test_spans_cover_everything_once_and_keep_the_limit(size: int) -> None:
    spans = list(spans_of(size, 100))
    assert sum(length for _, length in spans) == size
    assert [offset for offset, _ in spans] == [sum(length for _, length in spans[:n]) for n in range(len(spans))]
    assert all(0 < length <= 150 for _, length in spans)


def test_a_slice_and_its_header_are_one_message() -> None:
    assert list(spans_of(512 * 1024 + 2000, 512 * 1024)) == [(0, 512 * 1024 + 2000)]


def test_no_message_is_larger_than_clients_take() -> None:
    assert max(length for _, length in spans_of(10 * MAX_DATA_BYTES, MAX_DATA_BYTES)) <= MAX_DATA_BYTES
