import numpy as np
import pytest

from radgate_server.services.imaging.pictures.placeholder import SIDE, placeholder


def drawn(label: str) -> np.ndarray:
    frame = placeholder(label)
    return np.frombuffer(frame.data, np.uint8).reshape(SIDE, SIDE)


@pytest.mark.parametrize(
    "label", ["SR", "PDF", "VIDEO", "RTSTRUCT", "NO IMAGE", "ABCDEFGHIJ", "QRS TUVWXYZ 0123456789"]
)
def test_words_lie_whole_in_the_middle(label: str) -> None:
    ink = np.argwhere(drawn(label) > 100)
    top, left = ink.min(axis=0)
    bottom, right = ink.max(axis=0)
    assert abs((top + bottom) / 2 - SIDE / 2) <= 2
    assert abs((left + right) / 2 - SIDE / 2) <= 3
    assert top > 0
    assert left > 0
    assert max(bottom, right) < SIDE - 1


def test_letters_are_drawn_as_they_look() -> None:
    rows = drawn("TTTTTTTT")[28:35, 8:14] > 100  # eight letters are too wide to be drawn twice as large
    assert ["".join("#" if dot else "." for dot in row) for row in rows] == [
        "#####.",
        "..#...",
        "..#...",
        "..#...",
        "..#...",
        "..#...",
        "..#...",
    ]


def test_different_words_look_different() -> None:
    pictures = {placeholder(label).data for label in ("SR", "PR", "KO", "PDF", "NO IMAGE")}
    assert len(pictures) == 5
