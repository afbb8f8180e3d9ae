"""DICOM files in memory: few parts where many small ones would be many messages."""

from radgate_server.core.dicom.instances import MemoryContent


def test_parts_are_gathered_as_far_as_they_are_small() -> None:
    parts = (b"a" * 4, b"", b"b" * 4, b"c" * 20, b"d", memoryview(b"e" * 9), b"f")
    gathered = MemoryContent(parts).gathered(10)
    assert gathered.parts == (b"aaaabbbb", b"c" * 20, b"deeeeeeeee", b"f")
    assert b"".join(gathered.pieces(6)) == b"".join(parts)
    assert MemoryContent(()).gathered(10).parts == ()
