import google_crc32c
import pytest

from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import InstanceHandle, MemoryContent, ReceivedInstance
from radgate_server.core.dicom.memory_instance import MemoryInstance

REF = InstanceRef("1.2.1", "1.2.1.1", "1.2.1.1.1")
PARTS = (b"meta", memoryview(b"data set"))


def received() -> MemoryInstance:
    return MemoryInstance.from_received(ReceivedInstance(REF, "1.2.840", "1.2.840.10008.1.2", MemoryContent(PARTS)))


async def test_joins_what_the_pacs_delivered_in_parts() -> None:
    handle: InstanceHandle = received()
    assert (handle.ref, handle.sop_class_uid, handle.transfer_syntax_uid) == (REF, "1.2.840", "1.2.840.10008.1.2")
    assert handle.size_bytes == 12
    assert handle.crc32c == google_crc32c.value(b"metadata set")
    assert await handle.read(4, 4) == b"data"
    with handle.open_buffer() as buffer:
        assert bytes(buffer) == b"metadata set"
        assert buffer.readonly


async def test_the_whole_file_is_read_without_a_copy() -> None:
    handle = received()
    assert await handle.read(0, 12) is handle.data


async def test_most_of_it_is_seen_where_it_lies_and_less_is_to_be_read() -> None:
    handle = received()
    view = handle.view(4, 8)
    assert view is not None
    assert (view, view.obj is handle.data) == (b"data set", True)
    assert handle.view(4, 4) is None


@pytest.mark.parametrize("span", [(-1, 2), (0, 13), (13, 0), (3, -1)])
async def test_refuses_to_read_outside_of_the_file(span: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="do not lie within"):
        await received().read(*span)
    with pytest.raises(ValueError, match="do not lie within"):
        received().view(*span)
