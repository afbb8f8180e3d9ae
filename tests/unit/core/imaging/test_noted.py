import pytest

from radgate_server.core.imaging.noted_bytes import MAX_NOTES, Noted


@pytest.mark.parametrize("notes", [(), ("the window is not applied",), ("one\nof two lines", "und größer")])
def test_notes_stay_with_what_they_tell_of(notes: tuple[str, ...]) -> None:
    for data in (b"", b"\xff\xd8 picture", b"\x0a\x09image/png\x12"):
        assert Noted.read(Noted(data, notes).joined()) == (data, notes)


def test_what_has_no_notes_is_kept_as_it_is() -> None:
    data = b"\xff\xd8 picture"
    assert Noted(data).joined() is data
    assert Noted.read(data).data is data


def test_notes_are_told_once_and_few() -> None:
    assert Noted.of(b"", ["a", "b", "a"]).notes == ("a", "b")
    assert len(Noted.of(b"", map(str, range(100))).notes) == MAX_NOTES
