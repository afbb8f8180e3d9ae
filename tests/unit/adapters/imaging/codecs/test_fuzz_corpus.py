"""Frames that the fuzz program found to be decoded wrongly are refused; it makes the same cases again."""

from pathlib import Path

import pytest

from radgate_server.adapters.imaging.codecs import decode_frame
from radgate_server.core.errors import InstanceMalformedError
from tests.fakes.synthetic_frames import synthetic_frame
from tests.fuzz.corpus_file import FOLDER, MAX_FILE_BYTES, read_frame, write_frame
from tests.fuzz.damage import DAMAGES, damaged

FILES = sorted(FOLDER.glob("*.frame"))


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_is_refused(path: Path) -> None:
    assert path.stat().st_size <= MAX_FILE_BYTES
    with pytest.raises(InstanceMalformedError):
        decode_frame(read_frame(path))


def test_a_case_can_be_made_again(tmp_path: Path) -> None:
    frames = (synthetic_frame(8), synthetic_frame(12))
    cases = [damaged(7, case, frames) for case in range(2 * len(frames) * len(DAMAGES))]
    assert cases == [damaged(7, case, frames) for case in range(len(cases))]
    assert {damage for _, _, damage in cases} == set(DAMAGES)
    write_frame(tmp_path / "a.frame", cases[0][1], "made for a test")
    assert read_frame(tmp_path / "a.frame") == cases[0][1]
