import pytest

from radgate_server.core.imaging.annotated_bytes import MAX_NOTES, AnnotatedBytes


@pytest.mark.parametrize("notes", [(), ("the window is not applied",), ("one\nof two lines", "und größer")])
def test_notes_stay_with_what_they_report(notes: tuple[str, ...]) -> None:
    for data in (b"", b"\xff\xd8 picture", b"\x0a\x09image/png\x12"):
        assert AnnotatedBytes.read(AnnotatedBytes(data, notes).joined()) == (data, notes)


def test_what_has_no_notes_is_kept_as_it_is() -> None:
    data = b"\xff\xd8 picture"
    assert AnnotatedBytes(data).joined() is data
    assert AnnotatedBytes.read(data).data is data


def test_notes_are_reported_once_and_few() -> None:
    assert AnnotatedBytes.of(b"", ["a", "b", "a"]).notes == ("a", "b")
    assert len(AnnotatedBytes.of(b"", map(str, range(100))).notes) == MAX_NOTES
