"""Damaged files: an answer or a GatewayError, and quickly."""

import json
from contextlib import suppress

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from radgate_server.core.dicom.dataset.file_meta import identify
from radgate_server.core.dicom.index_format import deserialise, serialise
from radgate_server.core.dicom.indexing import build_index
from radgate_server.core.errors import InstanceMalformedError
from tests.unit.core.dicom import corpus
from tests.unit.core.dicom.encode import file

SEEDS = [
    bytes(corpus.read(name))
    for name in (
        "CT_small.dcm",
        "MR_small_RLE.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_implicit.dcm",
        "SC_rgb_rle_2frame.dcm",
        "UN_sequence.dcm",
        "chrH32.dcm",
        "image_dfl.dcm",
        "nested_priv_SQ.dcm",
        "reportsi.dcm",
        "test-SR.dcm",
    )
]
BOUNDED = settings(max_examples=300, deadline=2000, suppress_health_check=list(HealthCheck), derandomize=True)


def survives(data: bytes) -> bool:
    """Whether it has an index that can be kept, or is malformed. Raises anything else that happens to its readers."""
    with suppress(InstanceMalformedError):  # an answer as good as any
        identify(memoryview(data))
    try:
        index = build_index(memoryview(data))
    except InstanceMalformedError:
        return True
    json.loads(index.metadata)
    return deserialise(serialise(index)) == index


@BOUNDED
@given(st.sampled_from(SEEDS), st.data())
def test_truncated(seed: bytes, data: st.DataObject) -> None:
    assert survives(seed[: data.draw(st.integers(0, len(seed)))])


@BOUNDED
@given(st.sampled_from(SEEDS), st.data())
def test_flipped(seed: bytes, data: st.DataObject) -> None:
    damaged = bytearray(seed)
    header = min(len(seed), 4000)
    for at, value in data.draw(
        st.lists(st.tuples(st.integers(128, header - 1), st.sampled_from([0, 1, 0x7F, 0x80, 0xFE, 0xFF])), min_size=1)
    ):
        damaged[at] = value
    assert survives(bytes(damaged))


@BOUNDED
@given(st.sampled_from(SEEDS), st.data())
def test_spliced(seed: bytes, data: st.DataObject) -> None:
    other = data.draw(st.sampled_from(SEEDS))
    start, end = (data.draw(st.integers(132, min(len(whole), 4000))) for whole in (seed, other))
    assert survives(seed[:start] + other[end:])


@BOUNDED
@given(st.binary(max_size=300))
def test_rubbish(rubbish: bytes) -> None:
    assert survives(bytes(file(rubbish)))
