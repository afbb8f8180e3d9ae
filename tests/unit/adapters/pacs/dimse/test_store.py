"""How a data set is cut for C-STORE."""

import pytest

from radgate_server.adapters.pacs.dimse.store import data_set_fragments
from radgate_server.core.dicom.dataset.file_meta import read_file_meta
from radgate_server.core.dicom.instances import MemoryContent
from radgate_server.core.errors import InstanceMalformedError
from tests.fakes.instances import make_instance

FILE = make_instance("2.25.1", "2.25.2", "2.25.3", rows=256, columns=256)
DATA_SET = FILE[read_file_meta(memoryview(FILE)).data_set_offset :]


@pytest.mark.parametrize("piece_bytes", [1, 7, 999, 65_535, 65_536, 65_537, 1 << 20])
@pytest.mark.parametrize("fragment_bytes", [1_000, 16_378, 131_066, 1 << 20])
def test_fragments_have_an_even_length_however_the_file_comes(piece_bytes: int, fragment_bytes: int) -> None:
    parts = tuple(FILE[start : start + piece_bytes] for start in range(0, len(FILE), piece_bytes))
    fragments = list(data_set_fragments(MemoryContent(parts), fragment_bytes))
    assert b"".join(fragments) == DATA_SET
    assert {len(fragment) for fragment in fragments[:-1]} <= {fragment_bytes}
    assert 0 < len(fragments[-1]) <= fragment_bytes
    assert len(fragments[-1]) % 2 == 0


@pytest.mark.parametrize("length", [1000, 1001])
def test_a_deflated_data_set_of_odd_length_gets_a_zero(length: int) -> None:
    file = FILE[: len(FILE) - len(DATA_SET)] + DATA_SET[:length]
    sent = b"".join(data_set_fragments(MemoryContent((file,)), 998, may_pad=True))
    assert sent == DATA_SET[:length] + bytes(length % 2)


def test_no_other_data_set_of_odd_length_is_sent() -> None:
    file = FILE[:-1]
    with pytest.raises(InstanceMalformedError, match="odd"):
        data_set_fragments(MemoryContent((file,)), 998)
